import { sql } from 'kysely'
import { callbackPath } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { exchangeCode, TokenEndpointError } from '../oauth/token-endpoint.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { clientInWords } from '../registrations/clients.ts'
import { endpointOf } from './client-endpoint.ts'
import { isStill } from './client-health.ts'
import { whyNoToken } from './no-token-sentence.ts'
import { OvertakenError } from './overtaken-error.ts'
import type { VaultParts } from './vault-parts.ts'

interface Finding {
  test_outcome: 'passed' | 'failed' | 'not_proved'
  test_detail: string
}

/**
 * Proves a client without a person: asks the token endpoint to exchange a code that nobody was
 * given. A host that knows the client refuses the code; one that does not refuses the client. What is
 * found out about a client that was replaced meanwhile is dropped.
 */
export async function testClient(parts: VaultParts, page_url: string, id: string): Promise<void> {
  const { db } = parts
  const row = await db
    .selectFrom('clients')
    .innerJoin('providers', 'providers.id', 'clients.provider_id')
    .leftJoin('runtimes', 'runtimes.id', 'clients.runtime_id')
    .select([
      'clients.id as client_row_id',
      'clients.client_id',
      'clients.client_secret_box',
      'clients.provider_id',
      'clients.runtime_id',
      'runtimes.name as runtime',
      'providers.kind',
      'providers.name as provider',
      'providers.base_url',
      'providers.tenant',
      'providers.private_address_confirmed',
    ])
    .where('clients.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return
  const { origins } = adapterFor(row.kind)
  const http = parts.outbound.to(row, origins(row.base_url))
  const code = { code: 'countersign-test', code_verifier: 'countersign-test'.repeat(3) }
  const grant = { ...code, redirect_uri: page_url + callbackPath(row.provider_id) }
  const finding = await endpointOf(parts.keyring, row, http.fetch)
    .then((endpoint) => exchangeCode(endpoint, grant))
    .then(
      () => notProved(row.provider),
      (error: unknown) => findingFrom(error, row),
    )
  const attempt = {
    actor: vaultActor,
    action: 'client.tested',
    subject: `${clientInWords(row)}: ${finding.test_outcome}`,
    ip: null,
    ...(row.runtime_id === null ? {} : { runtime_id: row.runtime_id }),
  } as const
  try {
    await decide(db, attempt, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('clients')
        .set({ ...finding, test_at: sql<Date>`now()` })
        .where('id', '=', id)
        .where(isStill(row))
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new OvertakenError()
      await announce(trx, { name: 'clients', owner_id: null, id })
    })
  } catch (error) {
    if (!(error instanceof OvertakenError)) throw error
    // Another app is in its place, of which nothing was found out: that one is waited for now.
    await testClient(parts, page_url, id)
  }
}

function findingFrom(
  error: unknown,
  { provider, client_secret_box }: { provider: string; client_secret_box: string | null },
): Finding {
  if (!(error instanceof TokenEndpointError)) throw error
  const isPublic = client_secret_box === null
  if (error.outcome === 'permanent') {
    return {
      test_outcome: 'passed',
      test_detail:
        `${provider} knows this app${isPublic ? ', and wants no secret of it' : ' and its secret'}. ` +
        'Not proved: that the callback address is registered, which shows when the first person ' +
        'authorizes.',
    }
  }
  if (error.outcome === 'misconfigured') {
    return {
      test_outcome: 'failed',
      test_detail: `${provider} does not accept this app (${error.reason}). ${
        isPublic
          ? 'Check its id, and that it is a public client there.'
          : 'Check its id and secret.'
      }`,
    }
  }
  return {
    test_outcome: 'not_proved',
    test_detail:
      `${provider} gave no answer that says anything.${whyNoToken(provider, error)} ` +
      'Try again later.',
  }
}

function notProved(provider: string): Finding {
  return {
    test_outcome: 'not_proved',
    test_detail: `${provider} does not tell a wrong app from a wrong code; the first authorization will.`,
  }
}
