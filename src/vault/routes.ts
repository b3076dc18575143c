import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from '../contract/index.ts'
import { bind } from '../http/bind.ts'
import type { Outbound } from '../providers/http.ts'
import { type CredentialParts, issueCredential, reportCredential } from './issue-credential.ts'
import { readRepositoryAccess } from './repository-access.ts'
import { authenticateRuntime } from './runtime-caller.ts'
import { viewRuntime } from './runtime-view.ts'

/** What a vault answers to runtimes. */
export function vaultRoutes(
  app: FastifyInstance,
  parts: CredentialParts & { outbound: Outbound },
): void {
  const { db, page_url } = parts

  bind(app, 'issueCredential', bearerOf, ({ body }, { caller: key, ip }) =>
    issueCredential(parts, { key, ip, request: body }),
  )
  bind(app, 'reportCredential', bearerOf, async ({ body }, { caller: key, ip }) => {
    await reportCredential(parts, { key, ip, request: body })
    return undefined
  })
  bind(app, 'readRepositoryAccess', bearerOf, ({ body }, { caller: key, ip }) =>
    readRepositoryAccess(parts, { key, ip, request: body }),
  )
  bind(app, 'getRuntimeView', bearerOf, async ({ query }, { caller: key }) =>
    viewRuntime(db, await authenticateRuntime(db, key), { ...query, page_url }),
  )
}

/** The bearer token of a request, RFC 6750 §2.1; whether it is a valid key is found out later. */
async function bearerOf(request: FastifyRequest): Promise<string> {
  const key = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (key === undefined) {
    throw new ProblemError(
      'runtime-key-invalid',
      'Send the runtime key as `authorization: Bearer csr_…`.',
    )
  }
  return key
}
