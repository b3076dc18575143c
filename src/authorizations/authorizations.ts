import { sql } from 'kysely'
import { type Access, type Authorization, isUsable, ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueueBehind } from '../jobs/queue.ts'
import { decide } from '../policy/decide.ts'
import { type Db, inSnapshot, isBrokenReference, type Trx } from '../store/database.ts'
import { notOnRuntime } from './candidates.ts'
import { askForCheck } from './check-connection.ts'
import { isForRuntime } from './connection-rows.ts'
import { endUnfinished } from './end-unfinished.ts'
import { findAccess } from './list-access.ts'
import { settleNotices } from './notices.ts'
import type { PersonRequest } from './person-request.ts'
import { bindConnection, takeTurns } from './place-connection.ts'
import { probeOfReused } from './probe.ts'
import { removeUnusedConnections } from './remove-unused.ts'
import { chosenScopes, lackingOfChosen } from './requested-scopes.ts'
import { statusAt } from './status.ts'

/**
 * Lets a runtime use a token that this person already has: an act of consent of its own.
 *
 * @throws ProblemError `not-found`, `provider-not-on-runtime`, `connection-not-usable`,
 *   `token-not-allowed`, `token-scopes-hidden`
 */
export async function createAuthorization(
  db: Db,
  request: PersonRequest & { runtime_id: string; provider_id: string; connection_id: string },
): Promise<Access> {
  const { person, ip, runtime_id, provider_id, connection_id } = request
  const row = { runtime_id, provider_id }
  const before = await findAccess(db, person.id, row)
  if (before === undefined) throw notOnRuntime()
  const attempt = {
    actor: person,
    action: 'authorization.create',
    subject: `${before.provider.name} on runtime ${before.runtime.name}, with an existing token`,
    ip,
    owner_id: person.id,
    runtime_id,
    connection_id,
  } as const
  try {
    return await decide(db, attempt, async (trx) => {
      await takeTurns(trx, { owner_id: person.id, provider_id })
      const connection = await trx
        .selectFrom('connections')
        .select(['method', 'status', 'expires_at', 'scopes', 'missing_scopes'])
        .select(sql<Date>`now()`.as('now'))
        .select(isForRuntime(row).as('for_runtime'))
        .where('id', '=', connection_id)
        .where('owner_id', '=', person.id)
        .where('provider_id', '=', provider_id)
        .forUpdate()
        .executeTakeFirst()
      if (connection === undefined) {
        throw new ProblemError('not-found', 'This token is not, or no longer, among yours.')
      }
      if (connection.method === 'token' && !before.token_allowed) {
        throw new ProblemError(
          'token-not-allowed',
          `Authorize access to ${before.provider.name} instead.`,
        )
      }
      const { status, reason } = statusAt(connection, connection.now)
      if (!isUsable(status)) {
        throw new ProblemError(
          'connection-not-usable',
          `${reason} Update it first, or add another one.`,
        )
      }
      if (!connection.for_runtime) {
        throw new ProblemError(
          'connection-not-usable',
          'It was granted to another app than this runtime has. ' +
            `Authorize access to ${before.provider.name} instead.`,
        )
      }
      await refuseNarrower(trx, before, connection)
      const place = { ...row, provider: before.provider.name }
      const probe = await probeOfReused(trx, place, { ...connection, id: connection_id })
      await bindConnection(trx, { owner_id: person.id, ...row }, connection_id, probe)
      if (probe.probe_outcome === 'not_tried') {
        await askForCheck(trx, { id: connection_id, owner_id: person.id })
      } else if (connection.status === 'unverified') {
        await enqueueBehind(trx, 'check-connection', connection_id)
      }
      await announce(trx, { name: 'access', owner_id: person.id, id: runtime_id })
      const access = await findAccess(trx, person.id, row)
      if (access === undefined) throw notOnRuntime()
      return access
    })
  } catch (error) {
    if (isBrokenReference(error)) throw notOnRuntime()
    throw error
  }
}

/** The list of scopes that an administrator made for a runtime is not lost with a grant for another. */
async function refuseNarrower(
  trx: Trx,
  { runtime, provider }: Access,
  connection: { method: 'oauth' | 'token'; scopes: string[] },
): Promise<void> {
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const lacking = lackingOfChosen(provider.kind, await chosenScopes(trx, row), connection)
  if (lacking.length === 0) return
  throw new ProblemError(
    'connection-not-usable',
    `It was granted without ${lacking.join(' and ')}, which this runtime asks for. ` +
      `Authorize access to ${provider.name} for it.`,
  )
}

/**
 * Takes an authorization back, also what was to take its place. With the last one the token is
 * destroyed here.
 *
 * @throws ProblemError `not-found`
 */
export async function deleteAuthorization(
  db: Db,
  request: PersonRequest & { id: string },
): Promise<void> {
  const { person, ip, id } = request
  const row = await db
    .selectFrom('authorizations')
    .innerJoin('runtimes', 'runtimes.id', 'authorizations.runtime_id')
    .innerJoin('providers', 'providers.id', 'authorizations.provider_id')
    .select([
      'runtimes.id as runtime_id',
      'runtimes.name as runtime',
      'providers.id as provider_id',
      'providers.name as provider',
      'connection_id',
    ])
    .where('authorizations.id', '=', id)
    .where('authorizations.owner_id', '=', person.id)
    .executeTakeFirst()
  if (row === undefined) throw alreadyDeleted()
  const { runtime_id, provider_id } = row
  const attempt = {
    actor: person,
    action: 'authorization.delete',
    subject: `${row.provider} on runtime ${row.runtime}`,
    ip,
    owner_id: person.id,
    runtime_id,
    connection_id: row.connection_id,
  } as const
  const begun = { owner_id: person.id, runtime_id, provider_id, for_runtime: false }
  await decide(db, attempt, async (trx) => {
    await endUnfinished(trx, begun)
    const deleted = await trx
      .deleteFrom('authorizations')
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .returning('connection_id')
      .executeTakeFirst()
    if (deleted === undefined) throw alreadyDeleted()
    await removeUnusedConnections(trx, [deleted.connection_id])
    await settleNotices(trx, deleted.connection_id)
    await announce(trx, { name: 'access', owner_id: person.id, id: runtime_id })
  })
}

/**
 * Hides what the list says about a token, until there is something new to say.
 *
 * @throws ProblemError `not-found`
 */
export async function updateAuthorization(
  db: Db,
  request: PersonRequest & { id: string; notice_hidden: boolean },
): Promise<Authorization> {
  const { person, ip, id, notice_hidden } = request
  const access = await inSnapshot(db, async (trx) => {
    const row = await trx
      .selectFrom('authorizations')
      .select(['runtime_id', 'provider_id'])
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .executeTakeFirst()
    return row && (await findAccess(trx, person.id, row))
  })
  const authorization = access?.authorization
  if (!access || !authorization) throw alreadyDeleted()
  const attempt = {
    actor: person,
    action: 'authorization.update',
    subject: `notice ${notice_hidden ? 'hidden' : 'shown'} for ${access.provider.name} on runtime ${access.runtime.name}`,
    ip,
    owner_id: person.id,
    runtime_id: access.runtime.id,
    connection_id: authorization.connection.id,
  } as const
  const shown = authorization.notice?.id ?? null
  await decide(db, attempt, async (trx) => {
    // Its token, and with that the notice, goes only after the end of this, or has gone before.
    const held = await trx
      .selectFrom('authorizations')
      .select('id')
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .forUpdate()
      .executeTakeFirst()
    if (held === undefined) throw alreadyDeleted()
    await trx
      .updateTable('authorizations')
      .set(({ selectFrom }) => ({
        hidden_notice_id: notice_hidden
          ? selectFrom('notices').select('id').where('id', '=', shown)
          : null,
      }))
      .where('id', '=', id)
      .execute()
    await announce(trx, { name: 'access', owner_id: person.id, id })
  })
  const { notice } = authorization
  return { ...authorization, notice: notice && { ...notice, hidden: notice_hidden } }
}

function alreadyDeleted(): ProblemError {
  return new ProblemError('not-found', 'This authorization was deleted already.')
}
