import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { deviceCodeAddress } from '../../src/authorizations/device-requests.ts'
import { clientSecretAddress } from '../../src/registrations/clients.ts'
import { boxesOf, sealBox } from '../../src/seal/box.ts'
import type { VaultPublicKey } from '../../src/seal/keys.ts'
import type { Database } from '../../src/store/database.ts'
import type { Keyring } from '../../src/vault/keyring.ts'
import { tokenSetAddress } from '../../src/vault/token-set.ts'

/** How many boxes each column has that are sealed to this key, and how many that are not. */
export async function countBoxes(
  { db }: Database,
  key: Pick<VaultPublicKey, 'key_id'>,
): Promise<Map<string, { its: number; others: number }>> {
  const { rows } = await sql<{ table_name: string; column_name: string }>`
    select table_name, column_name from information_schema.columns
    where table_schema = 'public' and column_name ~ '(^|_)box$'
    order by 1, 2`.execute(db)
  const found = new Map()
  for (const { table_name, column_name } of rows) {
    const box = sql.ref(column_name)
    const its = sql`starts_with(${box}, ${boxesOf(key)})`
    const counted = await sql<{ its: number; others: number }>`
      select count(*) filter (where ${its})::int as its,
        count(*) filter (where not ${its})::int as others
      from ${sql.table(table_name)} where ${box} is not null`.execute(db)
    found.set(`${table_name}.${column_name}`, counted.rows[0])
  }
  return found
}

/**
 * Writes the boxes that are there for a moment only, or after many steps: of somebody, for a runtime
 * and an app.
 *
 * @returns what holds them against a keyring
 */
export async function rareBoxes(
  { db }: Database,
  key: VaultPublicKey,
  row: { owner_id: string; runtime_id: string; provider_id: string; client_row_id: string },
): Promise<(keyring: Keyring) => Promise<void>> {
  const { owner_id, runtime_id, provider_id, client_row_id } = row
  const [request_id, connection_id, ended_id] = [randomUUID(), randomUUID(), randomUUID()]
  const of = (id: string) => ({ id, owner_id, provider_id })
  const secret = clientSecretAddress({ id: client_row_id, provider_id })
  const all = [
    { address: deviceCodeAddress(of(request_id)), text: 'device code' },
    { address: tokenSetAddress(of(request_id)), text: 'granted' },
    { address: tokenSetAddress(of(connection_id)), text: '{"access_token":"granted before"}' },
    { address: secret, text: 'secret of the app before' },
    { address: tokenSetAddress(of(ended_id)), text: 'granted and over' },
    { address: secret, text: 'secret of the app that granted it' },
  ]
  const sealed = await Promise.all(all.map(({ address, text }) => sealBox(key, address, text)))
  const [device_code, granting, connected, former_secret, over, its_secret] = sealed
  await sql`insert into authorization_requests (id, flow, owner_id, runtime_id, provider_id,
        client_row_id, redirect_uri, scopes, status, expires_at, device_code_box, token_set_box)
      values (${request_id}, 'device', ${owner_id}, ${runtime_id}, ${provider_id},
        ${client_row_id}, '', '{}', 'refused', now(), ${device_code}, ${granting})`.execute(db)
  await sql`insert into connections (id, owner_id, provider_id, box, fingerprint, status, account_id,
        account_login, account_name, scopes, missing_scopes, method, client_row_id,
        former_client_id, former_client_secret_box)
      values (${connection_id}, ${owner_id}, ${provider_id}, ${connected}, '', 'reauthorization_required',
        '1', 'carol', 'Carol', '{}', '{}', 'oauth', ${client_row_id}, 'before', ${former_secret})`.execute(
    db,
  )
  await sql`insert into revocations (row_id, owner_id, provider_id, client_row_id, client_id,
        client_secret_box, account_login, box)
      values (${ended_id}, ${owner_id}, ${provider_id}, ${client_row_id}, 'before', ${its_secret},
        'carol', ${over})`.execute(db)
  const column = async (table: string, name: string, id: string, by = 'id') => {
    const { rows } = await sql<{ box: string }>`select ${sql.ref(name)} as box
        from ${sql.table(table)} where ${sql.ref(by)} = ${id}`.execute(db)
    return rows[0]?.box ?? ''
  }
  return async (keyring) => {
    const now = [
      await column('authorization_requests', 'device_code_box', request_id),
      await column('authorization_requests', 'token_set_box', request_id),
      await column('connections', 'box', connection_id),
      await column('connections', 'former_client_secret_box', connection_id),
      await column('revocations', 'box', ended_id, 'row_id'),
      await column('revocations', 'client_secret_box', ended_id, 'row_id'),
    ]
    for (const [index, { address, text }] of all.entries()) {
      assert.equal(await keyring.open(address, now[index] ?? ''), text)
    }
  }
}
