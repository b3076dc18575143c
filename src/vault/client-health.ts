import { sql } from 'kysely'
import { announce } from '../events/change.ts'
import type { Trx } from '../store/database.ts'

/** An app as it was used: another may be registered in its place meanwhile, or have another secret. */
interface Client {
  client_row_id: string
  client_id: string
  client_secret_box: string | null
  /** Name of its Git host. */
  provider: string
}

/** True of the app that was used, as long as no other is in its place. */
export function isStill({ client_id, client_secret_box }: Omit<Client, 'provider'>) {
  return sql<boolean>`(client_id = ${client_id}
    and client_secret_box is not distinct from ${client_secret_box})`
}

/**
 * A Git host did not accept an app when it was used: administrators see that where they see its last
 * test, as people cannot mend it.
 *
 * @param reason what of the host's answer may be written down
 */
export async function noteClientFault(trx: Trx, client: Client, reason: string): Promise<void> {
  const { client_row_id, provider } = client
  const test_detail =
    `${provider} did not accept this app when it was used (${reason}). Check its id, and its secret if it ` +
    'has one. Tokens in use work until they end.'
  const changed = await trx
    .updateTable('clients')
    .set({ test_outcome: 'failed', test_detail, test_at: sql<Date>`now()` })
    .where('id', '=', client_row_id)
    .where(isStill(client))
    // Since when, not how often.
    .where(sql<boolean>`(test_outcome, test_detail) is distinct from ('failed', ${test_detail})`)
    .executeTakeFirst()
  if (changed.numUpdatedRows > 0n) await announceClient(trx, client_row_id)
}

/** The app was used, and the Git host accepts it: whatever was wrong is mended. */
export async function noteClientWorks(trx: Trx, client: Client): Promise<void> {
  const { client_row_id, provider } = client
  const test_detail = `${provider} accepted this app when it was used.`
  const changed = await trx
    .updateTable('clients')
    .set({ test_outcome: 'passed', test_detail, test_at: sql<Date>`now()` })
    .where('id', '=', client_row_id)
    .where(isStill(client))
    .where('test_outcome', '=', 'failed')
    .executeTakeFirst()
  if (changed.numUpdatedRows > 0n) await announceClient(trx, client_row_id)
}

async function announceClient(trx: Trx, id: string): Promise<void> {
  await announce(trx, { name: 'clients', owner_id: null, id })
}
