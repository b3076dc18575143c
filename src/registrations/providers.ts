import { sql } from 'kysely'
import { ProblemError, type Provider, type ProviderKind } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Actor, decide } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { parseProviderAddress } from '../providers/address.ts'
import type { Outbound } from '../providers/http.ts'
import { type Db, isBrokenReference, isDuplicate, type Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'
import { type NewAddress, provedAddress } from './provider-address.ts'
import { providerNotFound, providerRows, readProvider, toProvider } from './provider-rows.ts'

/** Git hosts by name. */
export async function listProviders(db: Db, request: PageRequest): Promise<Page<Provider>> {
  const after = decodeCursor(request.cursor, ['text'])
  const pattern = containsPattern(request.q)
  const rows = await providerRows(db)
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(lower(name), name) > (lower(${after?.[0]}), ${after?.[0]})`),
    )
    .$if(pattern !== null, (query) =>
      query.where(sql<boolean>`(name ilike ${pattern} or base_url ilike ${pattern})`),
    )
    .orderBy(({ fn }) => fn('lower', ['name']))
    .orderBy('name')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toProvider, (row) => [row.name])
}

interface Request {
  actor: Actor
  ip: string | null
}

export interface NewProvider extends Request, NewAddress {
  name: string
  tenant?: string | undefined
}

/**
 * Registers a Git host after asking it whether it is what it is said to be.
 *
 * @throws ProblemError `request-invalid`, `provider-address-invalid`, `provider-address-private`, `provider-exists`,
 *   `provider-not-recognized`, `provider-unavailable`, `name-taken`
 */
export async function createProvider(
  db: Db,
  outbound: Outbound,
  request: NewProvider,
): Promise<Provider> {
  const { actor, ip, kind } = request
  const name = request.name.trim()
  refuseNeedlessTenant(kind, request.tenant)
  const address = await provedAddress(outbound, request)
  const subject = `${name} (${address.base_url})`
  try {
    return await decide(db, { actor, action: 'provider.create', subject, ip }, async (trx) => {
      const { id } = await trx
        .insertInto('providers')
        .values({ kind, name, ...address, tenant: request.tenant ?? null })
        .returning('id')
        .executeTakeFirstOrThrow()
      await announce(trx, { name: 'providers', owner_id: null, id })
      return await readProvider(trx, id)
    })
  } catch (error) {
    throw takenOr(error, name, address.origin)
  }
}

export interface ProviderChange extends Request {
  id: string
  name?: string | undefined
  base_url?: string | undefined
  private_address_confirmed?: boolean | undefined
  /** Null: people of any organization sign in. */
  tenant?: string | null | undefined
}

/**
 * Changes what is given. The address is where secrets are sent: it changes only as long as there is
 * none that was meant for the one before.
 *
 * @throws ProblemError those of `updateProvider` in the contract
 */
export async function updateProvider(
  db: Db,
  outbound: Outbound,
  request: ProviderChange,
): Promise<Provider> {
  const { actor, ip, id, tenant } = request
  const before = await readProvider(db, id)
  const name = request.name?.trim() ?? before.name
  refuseNeedlessTenant(before.kind, tenant ?? undefined)
  const address = await changedAddress(db, outbound, before, request)
  const subject = changeInWords(before, { name, tenant, base_url: address?.base_url })
  try {
    return await decide(db, { actor, action: 'provider.update', subject, ip }, async (trx) => {
      if (address !== undefined) {
        // Whoever hands in a secret for this host waits for the end of this, or has been here before.
        await trx.selectFrom('providers').select('id').where('id', '=', id).forUpdate().execute()
        if (await hasSecrets(trx, id)) throw addressFixed(before.name)
      }
      await trx
        .updateTable('providers')
        .set((row) => ({
          name: request.name?.trim() ?? row.ref('name'),
          ...address,
          ...(tenant === undefined ? {} : { tenant }),
        }))
        .where('id', '=', id)
        .execute()
      await announce(trx, { name: 'providers', owner_id: null, id })
      await announce(trx, { name: 'clients', owner_id: null, id })
      return await readProvider(trx, id)
    })
  } catch (error) {
    throw takenOr(error, name, address?.origin ?? '')
  }
}

/**
 * Gives a Git host that this very process runs another address. It is not asked, and may keep what
 * was given to it: it is the same one.
 */
export async function moveProvider(
  db: Db,
  request: Request & { id: string; base_url: string },
): Promise<void> {
  const { actor, ip, id } = request
  const { base_url, origin } = parseProviderAddress(request.base_url)
  await decide(db, { actor, action: 'provider.move', subject: base_url, ip }, async (trx) => {
    await trx.updateTable('providers').set({ base_url, origin }).where('id', '=', id).execute()
    await announce(trx, { name: 'providers', owner_id: null, id })
  })
}

/** The address to store; undefined: it stays as it is. */
async function changedAddress(
  db: Db,
  outbound: Outbound,
  { id, kind, name, base_url: before }: Provider,
  { base_url, private_address_confirmed }: ProviderChange,
) {
  if (base_url === undefined || parseProviderAddress(base_url).base_url === before) return undefined
  if (await hasSecrets(db, id)) throw addressFixed(name)
  return await provedAddress(outbound, { kind, base_url, private_address_confirmed })
}

/** Whether anything is kept that was meant for the address as it is: tokens, or secrets of apps. */
async function hasSecrets(db: Db | Trx, provider_id: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`select
    exists (select from connections where provider_id = ${provider_id})
    or exists (select from clients where provider_id = ${provider_id})
    or exists (select from revocations where provider_id = ${provider_id})
    or exists (select from candidates where provider_id = ${provider_id} and box is not null)
    as found`.execute(db)
  return rows[0]?.found ?? false
}

function addressFixed(name: string): ProblemError {
  return new ProblemError(
    'provider-address-fixed',
    `Tokens or the secret of an app were given to ${name} for its address, and would be sent to ` +
      'another one. Register the other address as a Git host of its own.',
  )
}

/** What changes, for the audit trail. */
function changeInWords(
  before: Provider,
  next: { name: string; base_url: string | undefined; tenant: string | null | undefined },
): string {
  const changes = [
    next.name === before.name ? '' : `called ${next.name}`,
    next.base_url === undefined ? '' : `at ${next.base_url}`,
    next.tenant === undefined || next.tenant === before.tenant
      ? ''
      : `tenant ${next.tenant ?? 'of any organization'}`,
  ].filter((words) => words !== '')
  return `${before.name} (${before.base_url}): ${changes.join(', ') || 'nothing'}`
}

/** What a row that could not be stored means. */
function takenOr(error: unknown, name: string, origin: string): unknown {
  if (isDuplicate(error, 'providers_name_key')) {
    const detail = `There is a Git host called ${name} already.`
    return new ProblemError('name-taken', detail, { cause: error })
  }
  if (!isDuplicate(error)) return error
  return new ProblemError('provider-exists', `${origin} is registered already.`, { cause: error })
}

/**
 * Removes a Git host, with what it could not be told so far: what has just ended it is told first.
 *
 * @throws ProblemError `not-found`, `provider-in-use`
 */
export async function deleteProvider(db: Db, request: Request & { id: string }): Promise<void> {
  const { actor, ip, id } = request
  const { name: subject, kind } = await readProvider(db, id)
  const attempt = { actor, action: 'provider.delete', subject, ip } as const
  const canBeTold = adapterFor(kind).oauth.revoke !== undefined
  try {
    await decide(db, attempt, async (trx) => {
      // Whoever ends a grant at this moment is waited for.
      await trx.selectFrom('providers').select('id').where('id', '=', id).forUpdate().execute()
      if (canBeTold && (await isBeingTold(trx, id))) throw beingTold(subject)
      const deleted = await trx.deleteFrom('providers').where('id', '=', id).executeTakeFirst()
      if (deleted.numDeletedRows === 0n) throw providerNotFound()
      await announce(trx, { name: 'providers', owner_id: null, id })
    })
  } catch (error) {
    if (!isBrokenReference(error)) throw error
    throw new ProblemError('provider-in-use', 'Take it away from those runtimes first.', {
      cause: error,
    })
  }
}

/** Whether a grant has ended of which the host has not been told yet, nor been away when it was to be. */
async function isBeingTold(trx: Trx, provider_id: string): Promise<boolean> {
  const untold = await trx
    .selectFrom('revocations')
    .select('id')
    .where('provider_id', '=', provider_id)
    .where('failed_at', 'is', null)
    // Where no vault does so for that long, nobody is kept from removing it.
    .where('created_at', '>', sql<Date>`now() - interval '1 hour'`)
    .limit(1)
    .executeTakeFirst()
  return untold !== undefined
}

function beingTold(provider: string): ProblemError {
  return new ProblemError(
    'provider-in-use',
    `${provider} is just being told which grants are over. Try again in a moment.`,
  )
}

function refuseNeedlessTenant(kind: ProviderKind, tenant: string | undefined): void {
  const { label, oauth } = adapterFor(kind)
  if (tenant === undefined || oauth.has_tenants) return
  const detail = `${label} has no tenants. Leave it out.`
  throw new ProblemError('request-invalid', detail, {
    extensions: { errors: [{ pointer: '/tenant', detail }] },
  })
}
