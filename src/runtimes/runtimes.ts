import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { endUnfinished } from '../authorizations/end-unfinished.ts'
import { removeRuntimeTokens, removeUnusedConnections } from '../authorizations/remove-unused.ts'
import { ProblemError, type Runtime } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Actor, decide } from '../policy/decide.ts'
import { type Db, isBrokenReference, isDuplicate, type Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type NeedRequest,
  type Page,
  toPage,
} from '../store/page.ts'
import { insertRuntimeKey } from './keys.ts'
import { isInNeed, runtimeRows, toRuntime } from './runtime-rows.ts'

interface Request {
  actor: Actor
  ip: string | null
}

/** One runtime. @throws ProblemError `not-found` */
export async function getRuntime(db: Db | Trx, id: string): Promise<Runtime> {
  const row = await runtimeRows(db).where('runtimes.id', '=', id).executeTakeFirst()
  if (row === undefined) throw runtimeNotFound()
  return toRuntime(row)
}

/** Runtimes by name. */
export async function listRuntimes(db: Db, request: NeedRequest): Promise<Page<Runtime>> {
  const after = decodeCursor(request.cursor, ['text'])
  const pattern = containsPattern(request.q)
  const rows = await runtimeRows(db)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(natural_order, runtimes.name) > (natural_order(${after?.[0]}), ${after?.[0]})`,
      ),
    )
    .$if(pattern !== null, (query) =>
      query.where(sql<boolean>`(runtimes.name ilike ${pattern} or description ilike ${pattern})`),
    )
    .$if(request.in_need === true, (query) => query.where(isInNeed))
    .orderBy('natural_order')
    .orderBy('runtimes.name')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toRuntime, (row) => [row.name])
}

/**
 * Registers a runtime with its first key.
 *
 * @returns the key too; it is stored as a hash and cannot be shown again
 * @throws ProblemError `name-taken`, `not-found` when a provider is not registered
 */
export async function createRuntime(
  db: Db,
  request: Request & { name: string; description?: string | undefined; provider_ids: string[] },
): Promise<{ runtime: Runtime; key: string }> {
  const { actor, ip, name } = request
  const id = randomUUID()
  const attempt = { actor, action: 'runtime.create', subject: name, ip } as const
  try {
    return await decide(db, attempt, async (trx, about) => {
      about({ runtime_id: id })
      await trx
        .insertInto('runtimes')
        .values({ id, name, description: request.description?.trim() ?? '' })
        .execute()
      await addProviders(trx, id, request.provider_ids)
      const key = await insertRuntimeKey(trx, id)
      await announce(trx, { name: 'runtimes', owner_id: null, id })
      return { runtime: await getRuntime(trx, id), key }
    })
  } catch (error) {
    if (isDuplicate(error, 'runtimes_name_key')) {
      throw new ProblemError('name-taken', `There is a runtime called ${name} already.`, {
        cause: error,
      })
    }
    throw error
  }
}

/**
 * Changes what is given. Authorizations of providers that the runtime no longer uses end.
 *
 * @throws ProblemError `not-found`
 */
export async function updateRuntime(
  db: Db,
  request: Request & {
    id: string
    description?: string | undefined
    provider_ids?: string[] | undefined
  },
): Promise<Runtime> {
  const { actor, ip, id, description, provider_ids } = request
  const before = await getRuntime(db, id)
  const subject = await changeInWords(db, before, request)
  const attempt = { actor, action: 'runtime.update', subject, ip, runtime_id: id } as const
  return await decide(db, attempt, async (trx) => {
    if (description !== undefined) {
      await trx
        .updateTable('runtimes')
        .set({ description: description.trim() })
        .where('id', '=', id)
        .execute()
    }
    if (provider_ids !== undefined) {
      await endProviders(trx, id, provider_ids)
      await addProviders(trx, id, provider_ids)
    }
    await announce(trx, { name: 'runtimes', owner_id: null, id })
    return await getRuntime(trx, id)
  })
}

/** What changes, for the audit trail: with a Git host go the authorizations there. */
async function changeInWords(
  db: Db,
  { name, description, providers }: Runtime,
  next: { description?: string | undefined; provider_ids?: string[] | undefined },
): Promise<string> {
  const kept = next.provider_ids ?? providers.map(({ id }) => id)
  const added = await providerNames(
    db,
    kept.filter((id) => !providers.some((one) => one.id === id)),
  )
  const ended = providers.filter(({ id }) => !kept.includes(id)).map((one) => one.name)
  const described = next.description !== undefined && next.description.trim() !== description
  const changes = [
    ...(described ? ['described anew'] : []),
    ...added.map((provider) => `with ${provider}`),
    ...ended.map((provider) => `without ${provider}`),
  ]
  return `${name}: ${changes.join(', ') || 'nothing'}`
}

async function providerNames(db: Db, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('providers')
    .select('name')
    .where('id', 'in', ids)
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name)
}

/** Removes a runtime; its keys and authorizations end. @throws ProblemError `not-found` */
export async function deleteRuntime(db: Db, request: Request & { id: string }): Promise<void> {
  const { actor, ip, id } = request
  const { name } = await getRuntime(db, id)
  const about = { actor, ip, subject: name, runtime_id: id }
  await decide(db, { ...about, action: 'runtime.delete' }, async (trx) => {
    await endProviders(trx, id, [])
    const deleted = await trx.deleteFrom('runtimes').where('id', '=', id).executeTakeFirst()
    if (deleted.numDeletedRows === 0n) throw runtimeNotFound()
    await announce(trx, { name: 'runtimes', owner_id: null, id })
    // Its own apps went with it, and what they were granted may have been put to use on other ones.
    await announce(trx, { name: 'access', owner_id: null, id })
  })
}

/**
 * Ends the use of every provider but `kept`, with its authorizations, the runtime's own tokens and
 * those that nothing else uses, and what was to become one. The rows are locked first: an authorization that is being made waits, and then fails.
 */
async function endProviders(trx: Trx, runtime_id: string, kept: string[]): Promise<void> {
  const used = await trx
    .selectFrom('runtime_providers')
    .select('provider_id')
    .where('runtime_id', '=', runtime_id)
    .forUpdate()
    .execute()
  const ending = used.map((row) => row.provider_id).filter((id) => !kept.includes(id))
  if (ending.length === 0) return
  for (const provider_id of ending) await endUnfinished(trx, { runtime_id, provider_id })
  const ended = await trx
    .deleteFrom('authorizations')
    .where('runtime_id', '=', runtime_id)
    .where('provider_id', 'in', ending)
    .returning('connection_id')
    .execute()
  await removeRuntimeTokens(trx, { runtime_id, provider_ids: ending })
  await trx
    .deleteFrom('runtime_providers')
    .where('runtime_id', '=', runtime_id)
    .where('provider_id', 'in', ending)
    .execute()
  await removeUnusedConnections(
    trx,
    ended.map((row) => row.connection_id),
  )
}

async function addProviders(trx: Trx, runtime_id: string, provider_ids: string[]): Promise<void> {
  if (provider_ids.length === 0) return
  try {
    await trx
      .insertInto('runtime_providers')
      .values(provider_ids.map((provider_id) => ({ runtime_id, provider_id })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  } catch (error) {
    if (!isBrokenReference(error)) throw error
    throw new ProblemError('not-found', 'One of these Git hosts is no longer registered.', {
      cause: error,
    })
  }
}

function runtimeNotFound(): ProblemError {
  return new ProblemError('not-found', 'This runtime is not, or no longer, registered.')
}
