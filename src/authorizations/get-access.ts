import { type Access, type AccessDetail, isUsable, ProblemError } from '../contract/index.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import {
  type ConnectionRow,
  connectionRows,
  isForRuntime,
  isShownEnough,
  toConnection,
} from './connection-rows.ts'
import { findAccess } from './list-access.ts'
import { chosenScopes, lackingOfChosen } from './requested-scopes.ts'
import { statusAt } from './status.ts'
import { tokenNeeds } from './token-needs.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/**
 * One row with all that the *Add Token* panel needs.
 *
 * @throws ProblemError `not-found`
 */
export function getAccess(db: Db, owner_id: string, row: Row): Promise<AccessDetail> {
  return inSnapshot(db, (trx) => readAccess(trx, owner_id, row))
}

async function readAccess(trx: Trx, owner_id: string, row: Row): Promise<AccessDetail> {
  const access = await findAccess(trx, owner_id, row)
  if (access === undefined) {
    throw new ProblemError('not-found', 'This runtime is gone, or no longer uses that Git host.')
  }
  const own = await connectionRows(trx)
    .where('owner_id', '=', owner_id)
    .where('provider_id', '=', row.provider_id)
    .where(isForRuntime(row))
    .where(isShownEnough(row))
    .orderBy('created_at')
    .execute()
  const chosen = await chosenScopes(trx, row)
  const current = access.authorization?.connection.id
  const offered = wantsAnotherWord(access)
  return {
    ...access,
    owner_id,
    ...(await tokenNeeds(trx, row, access.provider, owner_id)),
    administrators: access.oauth === 'client_not_registered' ? await administrators(trx) : [],
    reusable_connections: own
      .filter((connection) => (connection.id !== current || offered) && works(connection))
      .filter(
        (connection) => lackingOfChosen(access.provider.kind, chosen, connection).length === 0,
      )
      .map((connection) => toConnection(connection)),
  }
}

/** Whether an authorization comes to its limit of days, or has, before its token comes to an end. */
function wantsAnotherWord({ authorization }: Access): boolean {
  if (!authorization?.expires_at) return false
  const { status, expires_at } = authorization.connection
  const isFirst = expires_at === null || authorization.expires_at < expires_at
  return isFirst && (status === 'expiring' || status === 'reauthorization_required')
}

/** A check under way says nothing yet: what counts is what was known before. */
function works(connection: ConnectionRow): boolean {
  return isUsable(statusAt({ ...connection, check_requested_at: null }, connection.now).status)
}

/** Those to ask, a few of them; where none is registered people must know whom. */
async function administrators(trx: Trx): Promise<AccessDetail['administrators']> {
  return await trx
    .selectFrom('people')
    .select(['name', 'email'])
    .where('role', '=', 'admin')
    .orderBy('name')
    .limit(5)
    .execute()
}
