import { queryOptions } from '@tanstack/react-query'
import type {
  Access,
  AccessDetail,
  RuntimeToken,
  RuntimeTokenDetail,
} from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { byName } from '../app/names.ts'
import { readWhole } from '../app/paging.ts'
import type { TokenOwner } from '../tokens/token-owner.ts'

/** A runtime whose own the tokens are: robot accounts. */
export const runtimeItself: TokenOwner = {
  handIn: api.createRuntimeCandidate,
  begin: api.beginRuntimeAuthorization,
  check: ({ runtime, provider }) =>
    api.checkRuntimeToken({ params: { runtime_id: runtime.id, provider_id: provider.id } }),
  refresh: (queryClient) => queryClient.invalidateQueries({ queryKey: ['runtimes'] }),
  as: 'as itself',
  of: ({ runtime, provider }) => `of ${runtime.name} itself at ${provider.name}`,
  the: 'The',
  signIn: (host) =>
    `Sign in at ${host} with the robot account, not your own, allow it there, and come back here.`,
  makeHint: ' Make it with the robot account, not your own.',
  otherAccount: (after) => `Use ${after} as the robot account of this runtime?`,
  none: { word: 'No token', reason: 'The runtime cannot act as itself here.' },
}

/** The runtime's own token at each Git host that it uses. */
export function ownTokensQuery(runtime_id: string) {
  return queryOptions({
    queryKey: ['runtimes', 'tokens', runtime_id],
    queryFn: async ({ signal }) => {
      const params = { id: runtime_id }
      const tokens = await readWhole(
        (input, options) => api.listRuntimeTokens({ params, ...input }, options),
        { signal },
      )
      return byName(tokens.map(toRow), ({ provider }) => provider.name)
    },
  })
}

/** One of them, with all that is needed to add or replace it. */
export function ownTokenQuery(runtime_id: string, provider_id: string) {
  return queryOptions({
    queryKey: ['runtimes', 'tokens', runtime_id, provider_id] as readonly string[],
    queryFn: async ({ signal }) => {
      const params = { runtime_id, provider_id }
      return toDetail(await api.getRuntimeToken({ params }, { signal }))
    },
  })
}

/** A runtime's own token as the lists and panels of tokens have it: nobody allowed or hid it. */
function toRow({ connection, ...row }: RuntimeToken): Access {
  return {
    ...row,
    authorization: connection && {
      id: connection.id,
      created_at: connection.created_at,
      connection,
      expires_at: null,
      notice: null,
    },
  }
}

function toDetail({ connection, ...token }: RuntimeTokenDetail): AccessDetail {
  return {
    ...token,
    ...toRow({ connection, ...token }),
    administrators: [],
    reusable_connections: [],
  }
}
