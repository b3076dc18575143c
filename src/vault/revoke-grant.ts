import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { type Attempt, decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { ProviderUnavailable } from '../providers/provider.ts'
import { BoxError } from '../seal/box-error.ts'
import { endpointOf } from './client-endpoint.ts'
import { tokensIn } from './token-set.ts'
import type { VaultParts } from './vault-parts.ts'

/**
 * Tells the provider that a grant is over, then destroys its box. A provider that is away, or cannot
 * be told as our app, is told later: this throws, and the queue comes back to it. One that has no such call is not told. Only the
 * tokens themselves are ended: another grant of the same person to the same app goes on.
 */
export async function revokeGrant(parts: VaultParts, id: string): Promise<void> {
  const { db, keyring, outbound } = parts
  const row = await db
    .selectFrom('revocations')
    .leftJoin('clients', 'clients.id', 'revocations.client_row_id')
    .innerJoin('providers', 'providers.id', 'revocations.provider_id')
    .select([
      'revocations.row_id',
      'revocations.owner_id',
      'revocations.owner_kind',
      'revocations.provider_id',
      'revocations.client_row_id',
      'revocations.account_login',
      'revocations.box',
      'revocations.client_id',
      // Its secret may have been replaced, or taken away. Another app in its place knows no such token.
      sql<string | null>`case when clients.client_id = revocations.client_id
        then clients.client_secret_box else revocations.client_secret_box end`.as(
        'client_secret_box',
      ),
      'providers.kind',
      'providers.name as provider',
      'providers.base_url',
      'providers.tenant',
      'providers.private_address_confirmed',
    ])
    .where('revocations.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return
  const { oauth, origins } = adapterFor(row.kind)
  const { row_id, owner_id, owner_kind, provider_id, box } = row
  const owner = { id, owner_id, owner_kind }
  const attempt = (what: string) =>
    ({
      actor: vaultActor,
      action: 'connection.revoke',
      subject: `grant of ${row.account_login} at ${row.provider}: ${what}`,
      ip: null,
      owner_id,
    }) as const
  const http = outbound.to(row, origins(row.base_url))
  if (oauth.revoke !== undefined) {
    const tokens = await tokensIn(keyring, { id: row_id, owner_id, provider_id, box })
    if (tokens === undefined) return await end(attempt('damaged, destroyed here'))
    if (await isInUse(parts, row, tokens.access_token)) {
      return await end(attempt('kept, for it is in use'))
    }
    try {
      const { client } = await endpointOf(keyring, row, http.fetch)
      await oauth.revoke(http, client, tokens)
    } catch (error) {
      const message = whyNotTold(error)
      if (message === undefined) throw error
      await decide(db, { ...attempt('not revoked yet'), reason: message }, async (trx) => {
        await trx
          .updateTable('revocations')
          .set({ failed_at: sql<Date>`now()`, failure: message })
          .where('id', '=', id)
          .execute()
        await announceToken(trx, owner)
      })
      throw error
    }
  }
  await end(attempt(oauth.revoke === undefined ? 'destroyed here' : 'revoked'))

  async function end(done: Attempt): Promise<void> {
    await decide(db, done, async (trx) => {
      // A refresh that came too late may have put newer tokens there; they have a job of their own.
      await trx.deleteFrom('revocations').where('id', '=', id).where('box', '=', box).execute()
      await announceToken(trx, owner)
    })
  }
}

/** Why the host could not be told for now; undefined: a mistake of ours. */
function whyNotTold(error: unknown): string | undefined {
  if (error instanceof ProviderUnavailable) return error.message
  if (error instanceof BoxError) return 'The client secret of our OAuth app cannot be read.'
  return undefined
}

/** A host may have granted once more the very token that a connection of the owner has. */
async function isInUse(
  { db, keyring }: VaultParts,
  { owner_id, provider_id }: { owner_id: string; provider_id: string },
  access_token: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('connections')
    .select('id')
    .where('owner_id', '=', owner_id)
    .where('provider_id', '=', provider_id)
    .where('fingerprint', '=', keyring.fingerprint(access_token))
    .executeTakeFirst()
  return row !== undefined
}
