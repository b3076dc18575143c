import { type RawBuilder, sql } from 'kysely'
import { codeAddress } from '../authorizations/complete-authorization.ts'
import { deviceCodeAddress } from '../authorizations/device-requests.ts'
import { decide, setupActor } from '../policy/decide.ts'
import { clientSecretAddress } from '../registrations/clients.ts'
import { type BoxAddress, boxesOf } from '../seal/box.ts'
import { BoxError } from '../seal/box-error.ts'
import type { Db, Trx } from '../store/database.ts'
import { candidateAddress } from './check-candidate.ts'
import { verifierAddress } from './exchange-code.ts'
import type { Keyring } from './keyring.ts'
import { readTokenSet, tokenSetAddress } from './token-set.ts'
import { WrongVaultKeyError } from './wrong-vault-key-error.ts'

/** What a rotation did. */
export interface Resealed {
  boxes: number
  /** Boxes that the former key did not open: they are as they were, and stay closed. */
  closed: number
}

/** What the address of a box is made of. */
interface Row {
  id: string
  owner_id: string
  provider_id: string
}

/** A column with boxes, and how each is addressed. */
interface Place {
  table: string
  column: string
  address: (row: Row) => BoxAddress
  /** Where these are not columns of the same name. */
  id?: RawBuilder<string>
  owner_id?: RawBuilder<string>
  /** The column `fingerprint` is of the token in the box. */
  has_fingerprint?: true
}

/** Whose the token becomes. */
const receiver = sql<string>`case when for_runtime then runtime_id else owner_id end`
const noOwner = sql<string>`''`

/** Every box there is. */
const places: readonly Place[] = [
  { table: 'connections', column: 'box', address: tokenSetAddress, has_fingerprint: true },
  {
    table: 'connections',
    column: 'former_client_secret_box',
    address: clientSecretAddress,
    id: sql`client_row_id`,
  },
  {
    table: 'clients',
    column: 'client_secret_box',
    address: clientSecretAddress,
    owner_id: noOwner,
  },
  { table: 'revocations', column: 'box', address: tokenSetAddress, id: sql`row_id` },
  {
    table: 'revocations',
    column: 'client_secret_box',
    address: clientSecretAddress,
    id: sql`client_row_id`,
  },
  { table: 'candidates', column: 'box', address: candidateAddress, owner_id: receiver },
  {
    table: 'authorization_requests',
    column: 'code_verifier_box',
    address: verifierAddress,
    owner_id: receiver,
  },
  { table: 'authorization_requests', column: 'code_box', address: codeAddress, owner_id: receiver },
  {
    table: 'authorization_requests',
    column: 'device_code_box',
    address: deviceCodeAddress,
    owner_id: receiver,
  },
  {
    table: 'authorization_requests',
    column: 'token_set_box',
    address: tokenSetAddress,
    owner_id: receiver,
  },
]

/**
 * Seals everything anew, to another key, and makes that one the key of the installation: all of it
 * in one transaction, or nothing. No vault may run meanwhile.
 *
 * @param from the key that the data is sealed to
 * @param to the one that it is sealed to afterwards
 * @param alone throws when a vault runs
 * @throws WrongVaultKeyError when another rotation came first
 */
export async function rotateVaultKey(
  db: Db,
  { from, to }: { from: Keyring; to: Keyring },
  alone: (trx: Trx) => Promise<void>,
): Promise<Resealed> {
  const subject = `from vault key ${from.key_id} to ${to.key_id}`
  const attempt = { actor: setupActor, action: 'vault_key.rotate', subject, ip: null } as const
  return await decide(db, attempt, async (trx) => {
    // One that starts from here on is known to live first, and then waits for this table; so does
    // another rotation. Whether pages are ready is asked of it all the time, and does not wait.
    await sql`lock table vault_keys in share update exclusive mode`.execute(trx)
    await refuseOtherKey(trx, from)
    await alone(trx)
    const before = await resealAll(trx, from, to)
    // Nor is anything taken from a page from here on; what came meanwhile is sealed anew, too.
    await lockKeys(trx)
    // One that has lost its connection to the database is known again before it looks at the key.
    await alone(trx)
    const meanwhile = await resealAll(trx, from, to)
    await trx.deleteFrom('vault_keys').execute()
    const { key_id, public_key } = to
    await trx.insertInto('vault_keys').values({ key_id, public_key }).execute()
    return { boxes: before.boxes + meanwhile.boxes, closed: meanwhile.closed }
  })
}

async function refuseOtherKey(trx: Trx, { key_id }: Keyring): Promise<void> {
  const known = await trx.selectFrom('vault_keys').select('key_id').execute()
  if (known.some((row) => row.key_id === key_id)) return
  throw new WrongVaultKeyError('Another rotation has just come first: nothing more was changed.')
}

/** Pages wait in line behind this, so it waits for nobody for long: a backup reads for hours. */
async function lockKeys(trx: Trx): Promise<void> {
  await sql`set local lock_timeout = '10s'`.execute(trx)
  await sql`lock table vault_keys in access exclusive mode`.execute(trx)
}

async function resealAll(trx: Trx, from: Keyring, to: Keyring): Promise<Resealed> {
  const all = { boxes: 0, closed: 0 }
  for (const place of places) {
    const { boxes, closed } = await resealPlace(trx, from, to, place)
    all.boxes += boxes
    all.closed += closed
  }
  return all
}

const ROWS_AT_ONCE = 200

async function resealPlace(trx: Trx, from: Keyring, to: Keyring, place: Place): Promise<Resealed> {
  const { table, column, id = sql`id`, owner_id = sql`owner_id` } = place
  const done = { boxes: 0, closed: 0 }
  let after: string | null = null
  for (;;) {
    const { rows } = await sql<Row & { key: string; box: string }>`
      select id as key, ${id} as id, ${owner_id} as owner_id, provider_id, ${sql.ref(column)} as box
      from ${sql.table(table)}
      where starts_with(${sql.ref(column)}, ${boxesOf(from)})
        and (${after}::uuid is null or id > ${after}::uuid)
      order by ${sql.table(table)}.id limit ${ROWS_AT_ONCE}`.execute(trx)
    const last = rows.at(-1)
    if (last === undefined) return done
    after = last.key
    const sealed = await Promise.all(rows.map((row) => resealed(row, place, from, to)))
    const opened = sealed.filter((row) => row !== undefined)
    done.boxes += opened.length
    done.closed += rows.length - opened.length
    const fingerprint = place.has_fingerprint ? sql`, fingerprint = sealed.fingerprint` : sql``
    await sql`update ${sql.table(table)} as row
      set ${sql.ref(column)} = sealed.box ${fingerprint}
      from unnest(${opened.map(({ key }) => key)}::uuid[], ${opened.map(({ box }) => box)}::text[],
        ${opened.map((one) => one.fingerprint)}::bytea[]) as sealed(key, box, fingerprint)
      where row.id = sealed.key`.execute(trx)
  }
}

/** Undefined for a box that does not open. */
async function resealed(
  { key, box, ...row }: Row & { key: string; box: string },
  { address, has_fingerprint }: Place,
  from: Keyring,
  to: Keyring,
): Promise<{ key: string; box: string; fingerprint: Buffer | null } | undefined> {
  try {
    const where = address(row)
    const text = await from.open(where, box)
    const fingerprint = has_fingerprint ? to.fingerprint(readTokenSet(text).access_token) : null
    return { key, box: await to.seal(where, text), fingerprint }
  } catch (error) {
    if (error instanceof BoxError) return undefined
    throw error
  }
}
