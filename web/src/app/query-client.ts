import { MutationCache, notifyManager, QueryCache, QueryClient } from '@tanstack/react-query'
import { ProblemError } from '../../../src/contract/problems.ts'

/**
 * What the pages know of the server. The event stream says when something is to be read again
 * (`app/events.ts`), so nothing is read on a timer or on focus, but for what no event tells of
 * (`activity/keep-current.ts`).
 *
 * @param onSignedOut called when any call is answered with `not-signed-in`
 */
export function createQueryClient(onSignedOut: () => void): QueryClient {
  const onError = (error: unknown) => {
    if (error instanceof ProblemError && error.type === 'not-signed-in') onSignedOut()
  }
  // A timer would come after a second press: by then a button has to know that it is at work.
  notifyManager.setScheduler(queueMicrotask)
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        networkMode: 'always',
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 1 && !(error instanceof ProblemError),
        retryDelay: 400,
        staleTime: 60_000,
      },
      mutations: { networkMode: 'always' },
    },
  })
}
