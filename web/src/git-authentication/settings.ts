import { queryOptions, useIsMutating, useMutation, useQueryClient } from '@tanstack/react-query'
import type { Input } from '../../../src/contract/client.ts'
import type { AuthMode, RuntimeProviderSettings } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { byName } from '../app/names.ts'
import { readWhole } from '../app/paging.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'

/** How people authorize one runtime, Git host by Git host. */
export function settingsQuery(runtime_id: string) {
  return queryOptions({
    queryKey: ['runtimes', 'settings', runtime_id],
    queryFn: async ({ signal }) => {
      const params = { id: runtime_id }
      const rows = await readWhole(
        (input, options) => api.listRuntimeProviders({ params, ...input }, options),
        { signal },
      )
      return byName(rows, ({ provider }) => provider.name)
    },
  })
}

export const modes: Record<AuthMode, string> = {
  default_client: 'Default app',
  custom_client: "This runtime's own app",
  token: 'Personal access tokens',
}

export function isMode(value: string): value is AuthMode {
  return Object.hasOwn(modes, value)
}

export type SettingsChange = Input<'updateRuntimeProvider'>['body']

const changeKey = (runtime_id: string, provider_id: string) => [
  'change-settings',
  runtime_id,
  provider_id,
]

/** Changes a row of the settings, and shows it wherever it stands. */
export function useChangeSettings(runtime_id: string, provider_id: string) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationKey: changeKey(runtime_id, provider_id),
    mutationFn: (body: SettingsChange) =>
      api.updateRuntimeProvider({ params: { runtime_id, provider_id }, body }),
    onSuccess: (changed) => {
      queryClient.setQueryData(settingsQuery(runtime_id).queryKey, (old) =>
        old?.map((row) => (row.provider.id === changed.provider.id ? changed : row)),
      )
    },
  })
}

/** Whether a change of a row is under way: what the row says else may no longer be so. */
export function useIsChanging(runtime_id: string, provider_id: string): boolean {
  return useIsMutating({ mutationKey: changeKey(runtime_id, provider_id) }) > 0
}

/**
 * How people authorize, as it was chosen last, and how to choose another way. What is chosen shows
 * at once; if the server refuses it, what the list says shows again.
 */
export function useMode(runtime_id: string, { provider, auth_mode }: RuntimeProviderSettings) {
  const change = useChangeSettings(runtime_id, provider.id)
  const chosen = change.isPending ? change.variables.auth_mode : undefined
  return {
    mode: chosen ?? auth_mode,
    choose: (mode: AuthMode) =>
      change.mutate(
        { auth_mode: mode },
        {
          onSuccess: () => {
            notify('good', 'Changed', 'What people authorized before goes on working.')
          },
          onError: (error) => notify('bad', 'Not changed', sentenceFor(error)),
        },
      ),
  }
}
