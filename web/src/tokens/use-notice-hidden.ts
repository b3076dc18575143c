import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Access } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { panelButtonId, refreshAccess } from './access.ts'

/**
 * Hides what the banner says of a row, until there is something new, or shows it again.
 *
 * @param next id of what gets the focus afterwards, in place of the row
 */
export function useNoticeHidden({ runtime, provider, authorization }: Access, next?: string) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (notice_hidden: boolean) =>
      api.updateAuthorization({ params: { id: authorization?.id ?? '' }, body: { notice_hidden } }),
    onSuccess: async (_, hidden) => {
      await refreshAccess(queryClient)
      if (hidden) {
        notify('good', 'Hidden', 'It comes back only for something new. The list still shows it.')
      } else {
        notify('good', 'Shown again', `The banner names ${runtime.name} at ${provider.name} again.`)
      }
      const row = document.getElementById(panelButtonId(runtime.id, provider.id))
      const there = (next && document.getElementById(next)) || row
      // A search may have left the row out.
      if (there) there.focus()
      else document.getElementById('main')?.focus({ preventScroll: true })
    },
    onError: (error) => notify('bad', 'Not changed', sentenceFor(error)),
  })
}
