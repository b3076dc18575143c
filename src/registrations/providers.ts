import { sql } from 'kysely'
import { ProblemError, type Provider, type ProviderKind } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Actor, decide } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { type ProviderAddress, parseProviderAddress } from '../providers/address.ts'
import { leadsToPrivateAddress, type Outbound } from '../providers/http.ts'
import { ProviderUnavailable } from '../providers/provider.ts'
import { type Db, isBrokenReference, isDuplicate } from '../store/database.ts'
import {
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'

/** Git hosts by name. */
export async function listProviders(db: Db, request: PageRequest): Promise<Page<Provider>> {
  const after = decodeCursor(request.cursor, ['text'])
  const pattern = containsPattern(request.q)
  const rows = await providerRows(db)
    .$if(after !== undefined, (query) => query.where('name', '>', after?.[0] ?? ''))
    .$if(pattern !== null, (query) =>
      query.where(sql<boolean>`(name ilike ${pattern} or base_url ilike ${pattern})`),
    )
    .orderBy('name')
    .limit(request.limit + 1)
    .execute()
  return toPage(rows, request.limit, toProvider, (row) => [row.name])
}

export interface NewProvider {
  actor: Actor
  ip: string | null
  kind: ProviderKind
  name: string
  base_url: string
  private_address_confirmed?: boolean | undefined
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
  const address = parseProviderAddress(request.base_url)
  const confirmed = request.private_address_confirmed === true
  refuseNeedlessTenant(request)
  if (!confirmed && (await leadsToPrivateAddress(address.hostname))) {
    throw new ProblemError(
      'provider-address-private',
      `${address.hostname} is this machine or one inside a private network. Confirm that it is ` +
        'meant, or correct the address.',
    )
  }
  await recognize(outbound, kind, address, confirmed)
  const subject = `${name} (${address.base_url})`
  try {
    return await decide(db, { actor, action: 'provider.create', subject, ip }, async (trx) => {
      const { id } = await trx
        .insertInto('providers')
        .values({
          kind,
          name,
          base_url: address.base_url,
          origin: address.origin,
          private_address_confirmed: confirmed,
          tenant: request.tenant ?? null,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      await announce(trx, { name: 'providers', owner_id: null, id })
      return toProvider(await providerRows(trx).where('id', '=', id).executeTakeFirstOrThrow())
    })
  } catch (error) {
    if (isDuplicate(error, 'providers_name_key')) {
      throw new ProblemError('name-taken', `There is a Git host called ${name} already.`, {
        cause: error,
      })
    }
    if (isDuplicate(error)) {
      throw new ProblemError('provider-exists', `${address.origin} is registered already.`, {
        cause: error,
      })
    }
    throw error
  }
}

/** Removes a Git host. @throws ProblemError `not-found`, `provider-in-use` */
export async function deleteProvider(
  db: Db,
  request: { actor: Actor; ip: string | null; id: string },
): Promise<void> {
  const { actor, ip, id } = request
  const row = await db
    .selectFrom('providers')
    .select('name')
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw providerNotFound()
  const attempt = { actor, action: 'provider.delete', subject: row.name, ip } as const
  try {
    await decide(db, attempt, async (trx) => {
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

async function recognize(
  outbound: Outbound,
  kind: ProviderKind,
  address: ProviderAddress,
  private_address_confirmed: boolean,
): Promise<void> {
  const { label, recognize, origins } = adapterFor(kind)
  const { base_url } = address
  const http = outbound.to({ base_url, private_address_confirmed }, origins(base_url))
  try {
    if (await recognize(http)) return
  } catch (error) {
    if (!(error instanceof ProviderUnavailable)) throw error
    if (error.answered) {
      throw new ProblemError(
        'provider-not-recognized',
        `${error.message} Check the address and the kind.`,
        { cause: error },
      )
    }
    throw new ProblemError(
      'provider-unavailable',
      `${error.message} Check that this is the address of ${label}, and try again.`,
      { cause: error },
    )
  }
  throw new ProblemError(
    'provider-not-recognized',
    `${address.base_url} does not answer as ${label} does. Check the address and the kind.`,
  )
}

function refuseNeedlessTenant({ kind, tenant }: NewProvider): void {
  const { label, oauth } = adapterFor(kind)
  if (tenant === undefined || oauth.has_tenants) return
  const detail = `${label} has no tenants. Leave it out.`
  throw new ProblemError('request-invalid', detail, {
    extensions: { errors: [{ pointer: '/tenant', detail }] },
  })
}

function providerNotFound(): ProblemError {
  return new ProblemError('not-found', 'This Git host is not, or no longer, registered.')
}

function providerRows(db: Db) {
  return db
    .selectFrom('providers')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('runtime_providers')
        .select(sql<number>`count(*)::int`.as('count'))
        .whereRef('runtime_providers.provider_id', '=', 'providers.id')
        .as('runtimes'),
    )
}

function toProvider(row: {
  id: string
  kind: ProviderKind
  name: string
  base_url: string
  private_address_confirmed: boolean
  tenant: string | null
  runtimes: number | null
  created_at: Date
}): Provider {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    base_url: row.base_url,
    private_address_confirmed: row.private_address_confirmed,
    tenant: row.tenant,
    required_scopes: [...adapterFor(row.kind).required_scopes.person],
    runtimes: row.runtimes ?? 0,
    created_at: row.created_at.toISOString(),
  }
}
