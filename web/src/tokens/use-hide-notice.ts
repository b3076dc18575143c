import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Access } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { panelButtonId, refreshAccess } from './access.ts'

/** Hides what the banner says of a row, until there is something new; the row goes on showing it. */
export function useHideNotice({ runtime, provider, authorization }: Access) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: () =>
      api.updateAuthorization({
        params: { id: authorization?.id ?? '' },
        body: { notice_hidden: true },
      }),
    onSuccess: async () => {
      await refreshAccess(queryClient)
      notify('good', 'Hidden', 'It comes back only for something new. The list still shows it.')
      document.getElementById(panelButtonId(runtime.id, provider.id))?.focus()
    },
    onError: (error) => notify('bad', 'Not hidden', sentenceFor(error)),
  })
}
