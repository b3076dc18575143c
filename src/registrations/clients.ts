import { sql } from 'kysely'
import { currentVaultKey, refuseUnknownKey } from '../authorizations/vault-key.ts'
import { type OAuthClient, ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueue } from '../jobs/queue.ts'
import { type Actor, decide } from '../policy/decide.ts'
import { sealBox } from '../seal/box.ts'
import { type Db, isBrokenReference, isDuplicate } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'
import { type ClientPlace, getClientForm } from './client-form.ts'
import { clientNotFound, clientRows, readClient, toClient } from './client-rows.ts'
import { endPendingGrants } from './pending-grants.ts'
import { providerNotFound } from './provider-rows.ts'

/** A client belongs to no person; its box says so where others name their owner. */
const NO_OWNER = 'client'

interface Request {
  actor: Actor
  ip: string | null
}

/** The address in a box that holds a client's secret. */
export function clientSecretAddress(client: { id: string; provider_id: string }) {
  return {
    purpose: 'client_secret',
    row_id: client.id,
    owner_id: NO_OWNER,
    provider_id: client.provider_id,
  } as const
}

/** A client, as the audit trail names it. @param client `runtime` is null for a provider's default */
export function clientInWords(client: {
  client_id: string
  provider: string
  runtime: string | null
}): string {
  const { client_id, provider, runtime } = client
  return `app ${client_id} at ${provider}${runtime === null ? '' : ` of runtime ${runtime}`}`
}

/** Clients, in no order of meaning. */
export async function listClients(db: Db, request: PageRequest): Promise<Page<OAuthClient>> {
  const after = decodeCursor(request.cursor, ['id'])
  const pattern = containsPattern(request.q)
  const rows = await clientRows(db)
    .$if(after !== undefined, (query) => query.where('clients.id', '>', after?.[0] ?? ''))
    .$if(pattern !== null, (query) =>
      query.where((row) =>
        row.or([
          row('clients.client_id', 'ilike', pattern),
          row('providers.name', 'ilike', pattern),
          row('runtimes.name', 'ilike', pattern),
        ]),
      ),
    )
    .orderBy('clients.id')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toClient, (row) => [row.id])
}

export interface NewClient extends Request, ClientPlace {
  id: string
  client_id: string
  client_secret_box?: string | undefined
  client_secret?: string | undefined
  public_client?: boolean | undefined
}

/**
 * Registers a client, or replaces the id and secret of the one in its place. Grants that were made
 * with it stay: they belong to the place, and the next refresh uses the new secret, or none. With
 * another id, the host refuses that, and they are over.
 *
 * @throws ProblemError those of `putClient` in the contract
 */
export async function putClient(
  db: Db,
  page_url: string,
  request: NewClient,
): Promise<OAuthClient> {
  const { actor, ip, id, provider_id, client_id } = request
  const runtime_id = request.runtime_id ?? null
  const form = await getClientForm(db, page_url, request)
  if (form.client !== null && form.client.id !== id) throw placeTaken()
  if (request.public_client === true && !form.public_clients) throw secretNeeded()
  const client_secret_box = await secretBox(db, request)
  const place = await placeInWords(db, request)
  const secret = client_secret_box === null ? ', without a secret' : ''
  const subject = clientInWords({ client_id, ...place }) + secret
  const attempt = { actor, action: 'client.put', subject, ip, ...idOf(runtime_id) } as const
  try {
    return await decide(db, attempt, async (trx) => {
      await endPendingGrants(trx, request)
      const values = { client_id, client_secret_box, test_at: null, test_outcome: null }
      const stored = await trx
        .insertInto('clients')
        .values({ id, provider_id, runtime_id, ...values })
        .onConflict((conflict) =>
          conflict
            .column('id')
            .doUpdateSet({ ...values, updated_at: sql<Date>`now()` })
            .where('clients.provider_id', '=', provider_id)
            .where('clients.runtime_id', 'is not distinct from', runtime_id),
        )
        .returning('id')
        .executeTakeFirst()
      if (stored === undefined) throw idOfAnotherPlace()
      await announce(trx, { name: 'clients', owner_id: null, id })
      await announce(trx, { name: 'access', owner_id: null, id })
      if (client_secret_box !== null) await refuseUnknownKey(trx, client_secret_box)
      return await readClient(trx, id)
    })
  } catch (error) {
    if (isDuplicate(error)) throw placeTaken()
    if (!isBrokenReference(error)) throw error
    const detail = 'This Git host, or the runtime, is not, or no longer, registered.'
    throw new ProblemError('not-found', detail, { cause: error })
  }
}

/** Has a vault prove a client at its provider. @throws ProblemError `not-found` */
export async function requestClientTest(
  db: Db,
  request: Request & { id: string },
): Promise<OAuthClient> {
  const { id } = request
  const client = await readClient(db, id)
  return await decide(db, { ...about(client, request), action: 'client.test' }, async (trx) => {
    await enqueue(trx, 'test-client', { id }, `test-client:${id}`)
    return client
  })
}

/** Removes a client. The database ends its grants. @throws ProblemError `not-found` */
export async function deleteClient(db: Db, request: Request & { id: string }): Promise<void> {
  const { id } = request
  const client = await readClient(db, id)
  await decide(db, { ...about(client, request), action: 'client.delete' }, async (trx) => {
    const deleted = await trx.deleteFrom('clients').where('id', '=', id).executeTakeFirst()
    if (deleted.numDeletedRows === 0n) throw clientNotFound()
    await announce(trx, { name: 'runtime_token', owner_id: null, id })
    await announce(trx, { name: 'clients', owner_id: null, id })
    await announce(trx, { name: 'access', owner_id: null, id })
  })
}

/** What the audit trail says of an act on a client that there is. */
function about({ client_id, provider, runtime }: OAuthClient, { actor, ip }: Request) {
  const place = { provider: provider.name, runtime: runtime?.name ?? null }
  return {
    actor,
    ip,
    subject: clientInWords({ client_id, ...place }),
    ...idOf(runtime?.id ?? null),
  }
}

function idOf(runtime_id: string | null) {
  return runtime_id === null ? {} : { runtime_id }
}

/** @throws ProblemError `not-found` */
async function placeInWords(db: Db, { provider_id, runtime_id }: ClientPlace) {
  const row = await db
    .selectFrom('providers')
    .leftJoin('runtimes', (join) => join.on('runtimes.id', '=', runtime_id ?? null))
    .select(['providers.name as provider', 'runtimes.name as runtime'])
    .where('providers.id', '=', provider_id)
    .executeTakeFirst()
  if (row === undefined) throw providerNotFound()
  return row
}

/** The secret as it is kept; null: this client has none, and whoever says so sends none. */
async function secretBox(db: Db, request: NewClient): Promise<string | null> {
  const { client_secret_box: box, client_secret: secret, public_client = false } = request
  const said = [box !== undefined, secret !== undefined, public_client]
  if (said.filter((one) => one).length !== 1) {
    throw new ProblemError(
      'request-invalid',
      'Send one of `client_secret_box`, `client_secret`, and `public_client` for an app without a secret.',
    )
  }
  if (public_client) return null
  if (box !== undefined) {
    await refuseUnknownKey(db, box)
    return box
  }
  return await sealBox(
    await currentVaultKey(db),
    clientSecretAddress(request),
    secret?.trim() ?? '',
  )
}

function secretNeeded(): ProblemError {
  return new ProblemError(
    'client-secret-needed',
    'Copy the secret from the page of the app there, and register the app with it.',
  )
}

function idOfAnotherPlace(): ProblemError {
  const detail = 'This id is of an app in another place. Take the one from the form of this place.'
  return new ProblemError('request-invalid', detail, {
    extensions: { errors: [{ pointer: '/id', detail }] },
  })
}

function placeTaken(): ProblemError {
  return new ProblemError(
    'client-exists',
    'Somebody registered it meanwhile. Reload the form to see or replace it.',
  )
}
