import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { AuthorizationRequest } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { isProblem } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'

export function authorizationRequestQuery(id: string | undefined) {
  return {
    queryKey: ['authorization-request', id ?? ''],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      api.getAuthorizationRequest({ params: { id: id ?? '' } }, { signal }),
    enabled: id !== undefined,
    // What was read ahead will do: who begins to listen for changes reads it again.
    staleTime: 5_000,
  }
}

/** No event says that nothing happened: what is still being finished is asked about now and then. */
const OVERDUE_LOOK_MS = 60_000

/** How an authorization goes, by the event stream. */
export function useAuthorizationRequest(id: string | undefined) {
  const { data, error } = useQuery({
    ...authorizationRequestQuery(id),
    refetchInterval: ({ state }) => (state.data?.status === 'exchanging' ? OVERDUE_LOOK_MS : false),
  })
  return id === undefined ? { data: undefined, error: null } : { data, error }
}

/** Goes on with another account than before. */
export function useConfirmAccount({ id }: AuthorizationRequest) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: () => api.confirmAuthorizationRequest({ params: { id } }),
    onSuccess: (request) => {
      queryClient.setQueryData(authorizationRequestQuery(id).queryKey, request)
    },
    onError: (error) => {
      // Confirmed in another tab, or over: what is there now says which.
      if (!isProblem(error, 'not-found')) return
      notify(
        'warn',
        'Already answered',
        'It was answered elsewhere by now. Authorize again if that is not what you want.',
      )
      void queryClient.invalidateQueries(authorizationRequestQuery(id))
    },
  })
}

/** Gives up what another account allowed: its grant is ended. `onDone` also where it was over. */
export function useGiveUp({ id }: AuthorizationRequest, onDone: () => void) {
  return useMutation({
    mutationFn: () => api.cancelAuthorizationRequest({ params: { id } }),
    onSuccess: onDone,
    onError: (error) => {
      if (isProblem(error, 'not-found')) onDone()
    },
  })
}
