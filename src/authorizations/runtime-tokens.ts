import { type RawBuilder, sql } from 'kysely'
import {
  type Connection,
  ProblemError,
  type RuntimeToken,
  type RuntimeTokenDetail,
} from '../contract/index.ts'
import { decide } from '../policy/decide.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'
import { announceToken } from './announce-token.ts'
import { askForCheck } from './check-connection.ts'
import { connectionRows, toConnection } from './connection-rows.ts'
import { endUnfinished } from './end-unfinished.ts'
import { type RowFacts, rowColumns, toRow } from './list-access.ts'
import type { PersonRequest } from './person-request.ts'
import { removeRuntimeTokens } from './remove-unused.ts'
import { servesRuntime } from './serving-client.ts'
import { tokenNeeds } from './token-needs.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/** The runtime's own token at each provider it uses, by name. @throws ProblemError `not-found` */
export async function listRuntimeTokens(
  db: Db,
  runtime_id: string,
  request: PageRequest,
): Promise<Page<RuntimeToken>> {
  const after = decodeCursor(request.cursor, ['text'])
  const pattern = containsPattern(request.q)
  const rows = await inSnapshot(db, async (trx) => {
    const known = await trx
      .selectFrom('runtimes')
      .select('id')
      .where('id', '=', runtime_id)
      .executeTakeFirst()
    if (known === undefined) {
      throw new ProblemError('not-found', 'This runtime is not, or no longer, registered.')
    }
    return await readRows(
      trx,
      runtime_id,
      sql`${after === undefined ? sql`true` : sql`p.name > ${after[0]}`}
        and ${pattern === null ? sql`true` : sql`(p.name ilike ${pattern} or p.base_url ilike ${pattern})`}
      order by p.name
      limit ${atMost(request.limit + 1)}`,
    )
  })
  return toPage(
    rows,
    request.limit,
    (row) => row,
    ({ provider }) => [provider.name],
  )
}

/** One row with all that giving it a token needs. @throws ProblemError `not-found` */
export function getRuntimeToken(db: Db, row: Row): Promise<RuntimeTokenDetail> {
  return inSnapshot(db, async (trx) => {
    const token = await readRow(trx, row)
    return {
      ...token,
      owner_id: row.runtime_id,
      ...(await tokenNeeds(trx, row, token.provider, null)),
    }
  })
}

/** Has a vault ask the Git host about the token now. @throws ProblemError `not-found` */
export async function checkRuntimeToken(db: Db, request: PersonRequest & Row): Promise<Connection> {
  const { id, attempt } = await about(db, request, 'runtime_token.check')
  return await decide(db, attempt, async (trx) => {
    const token = { id, owner_id: request.runtime_id }
    if (!(await askForCheck(trx, token))) throw noToken()
    await announceToken(trx, { ...token, owner_kind: 'runtime' })
    const { connection } = await readRow(trx, request)
    if (connection === null) throw noToken()
    return connection
  })
}

/**
 * Destroys the token, also what was to take its place; a grant is then revoked at the Git host.
 *
 * @throws ProblemError `not-found`
 */
export async function deleteRuntimeToken(db: Db, request: PersonRequest & Row): Promise<void> {
  const { runtime_id, provider_id } = request
  const { id, attempt } = await about(db, request, 'runtime_token.delete')
  await decide(db, attempt, async (trx) => {
    await endUnfinished(trx, { runtime_id, provider_id, for_runtime: true })
    const deleted = await removeRuntimeTokens(trx, { runtime_id, provider_ids: [provider_id] })
    if (deleted.length === 0) throw noToken()
    await announceToken(trx, { id, owner_id: runtime_id, owner_kind: 'runtime' })
  })
}

/** The token there is, and what the audit trail says of an act on it. */
async function about(
  db: Db,
  request: PersonRequest & Row,
  action: 'runtime_token.check' | 'runtime_token.delete',
) {
  const { person, ip, runtime_id } = request
  const { connection, provider, runtime } = await inSnapshot(db, (trx) => readRow(trx, request))
  if (connection === null) throw noToken()
  const { id, account } = connection
  const attempt = {
    actor: person,
    action,
    subject: `${account.login}, own token of runtime ${runtime.name} for ${provider.name}`,
    ip,
    owner_id: runtime_id,
    runtime_id,
    connection_id: id,
  } as const
  return { id, attempt }
}

async function readRow(trx: Trx, row: Row): Promise<RuntimeToken> {
  const [token] = await readRows(trx, row.runtime_id, sql`rp.provider_id = ${row.provider_id}`)
  if (token === undefined) {
    throw new ProblemError('not-found', 'This runtime is gone, or no longer uses that Git host.')
  }
  return token
}

/** @param which of the runtime's rows `rp`, with provider `p`, and in which order */
async function readRows(
  trx: Trx,
  runtime_id: string,
  which: RawBuilder<unknown>,
): Promise<RuntimeToken[]> {
  const { rows } = await sql<RowFacts>`
    select ${rowColumns(servesRuntime)}
    from runtime_providers rp
    join runtimes r on r.id = rp.runtime_id
    join providers p on p.id = rp.provider_id
    where rp.runtime_id = ${runtime_id} and ${which}`.execute(trx)
  const own = await connectionRows(trx).where('connections.runtime_id', '=', runtime_id).execute()
  return rows.map((row) => {
    const connection = own.find((one) => one.provider_id === row.provider_id)
    const { warning_days } = row
    return {
      ...toRow(row),
      // How people authorize the runtime is another matter.
      oauth: row.client_registered ? 'ready' : 'not_offered',
      token_allowed: true,
      connection: connection === undefined ? null : toConnection(connection, { warning_days }),
    }
  })
}

function noToken(): ProblemError {
  return new ProblemError('not-found', 'This runtime has no token of its own at that Git host.')
}
