import type { RuntimeClient } from '../contract/index.ts'
import type { Outbound } from '../providers/http.ts'
import { type CredentialParts, issueCredential, reportCredential } from './issue-credential.ts'
import { readRepositoryAccess } from './repository-access.ts'
import { authenticateRuntime } from './runtime-caller.ts'
import { viewRuntime } from './runtime-view.ts'

export type RuntimeCallParts = CredentialParts & { outbound: Outbound }

/**
 * What a vault answers to whoever holds a runtime key: over HTTP, or in its own process. The key is
 * proved by each call.
 *
 * @param caller.key the runtime key, in the clear
 * @param caller.ip from where it is used; null in the vault's own process
 */
export function runtimeCalls(
  parts: RuntimeCallParts,
  { key, ip }: { key: string; ip: string | null },
): RuntimeClient {
  const { db, page_url } = parts
  return {
    issueCredential: ({ body }) => issueCredential(parts, { key, ip, request: body }),
    reportCredential: async ({ body }) => {
      await reportCredential(parts, { key, ip, request: body })
      return undefined
    },
    readRepositoryAccess: ({ body }) => readRepositoryAccess(parts, { key, ip, request: body }),
    getRuntimeView: async ({ query }) =>
      viewRuntime(db, await authenticateRuntime(db, key), { ...query, page_url }),
  }
}
