import type { Selectable } from 'kysely'
import { settleNotices } from '../authorizations/notices.ts'
import { ownConnection } from '../authorizations/place-connection.ts'
import { enqueue } from '../jobs/queue.ts'
import type { ProviderAdapter, ProviderHttp, TokenCredential } from '../providers/provider.ts'
import type { Db, Trx } from '../store/database.ts'
import type { ConnectionsTable, OwnerKind } from '../store/tables.ts'
import { probeForRuntimes } from './probe-runtimes.ts'

/** The row that a token was handed in for. */
interface Row {
  owner_id: string
  runtime_id: string
  provider_id: string
  provider: string
}

/** An authorization of another runtime, and the repository that has proved the new token to it. */
export interface ProvedElsewhere {
  authorization_id: string
  repository: string
}

/** A runtime that a new token does not reach, as it does not show what it may do. */
export interface StaysBehind {
  authorization_id: string
  runtime: string
}

type Before = Pick<Selectable<ConnectionsTable>, 'id' | 'method' | 'account_login' | 'fingerprint'>

/** The connection whose token this one replaces, or that holds this very token already. */
export async function connectionBefore(
  trx: Trx,
  candidate: Omit<Row, 'provider'> & { owner_kind: OwnerKind },
  fingerprint: Buffer,
): Promise<Before | undefined> {
  if (candidate.owner_kind === 'runtime') return await ownConnection(trx, candidate)
  const { owner_id, runtime_id, provider_id } = candidate
  const bound = await trx
    .selectFrom('authorizations')
    .innerJoin('connections', 'connections.id', 'authorizations.connection_id')
    .select(['connections.id', 'method', 'account_login', 'fingerprint'])
    .where('authorizations.owner_id', '=', owner_id)
    .where('authorizations.runtime_id', '=', runtime_id)
    .where('authorizations.provider_id', '=', provider_id)
    .where('connections.method', '=', 'token')
    .forUpdate()
    .executeTakeFirst()
  if (bound !== undefined) return bound
  return await trx
    .selectFrom('connections')
    .select(['id', 'method', 'account_login', 'fingerprint'])
    .where('owner_id', '=', owner_id)
    .where('provider_id', '=', provider_id)
    .where('fingerprint', '=', fingerprint)
    .orderBy('created_at')
    .limit(1)
    .forUpdate()
    .executeTakeFirst()
}

/** Tries a token that hides its scopes for the runtimes that share the one it takes the place of. */
export async function proveElsewhere(
  db: Db,
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  row: Row,
): Promise<ProvedElsewhere[]> {
  const bound = await db
    .selectFrom('authorizations')
    .select('connection_id')
    .where('owner_id', '=', row.owner_id)
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirst()
  if (bound === undefined) return []
  const { provider, runtime_id: but } = row
  const probes = await probeForRuntimes(
    db,
    adapter,
    http,
    credential,
    provider,
    bound.connection_id,
    but,
  )
  return probes.flatMap(({ authorization_id, repository, outcome }) =>
    authorization_id !== null && outcome === 'proved' ? { authorization_id, repository } : [],
  )
}

/** Those that keep the token there is: they want proof, and there is none. */
export async function staysBehind(
  trx: Trx,
  connection_id: string,
  row: Row,
  proved: readonly ProvedElsewhere[],
): Promise<StaysBehind[]> {
  const others = await trx
    .selectFrom('authorizations as a')
    .innerJoin('runtimes as r', 'r.id', 'a.runtime_id')
    .innerJoin('runtime_providers as rp', (join) =>
      join
        .onRef('rp.runtime_id', '=', 'a.runtime_id')
        .onRef('rp.provider_id', '=', 'a.provider_id'),
    )
    .select(['a.id as authorization_id', 'r.name as runtime'])
    .select(['rp.probe_repository', 'rp.skip_validation'])
    .where('a.connection_id', '=', connection_id)
    .where('a.runtime_id', '!=', row.runtime_id)
    .orderBy('r.natural_order')
    .execute()
  return others.filter(({ authorization_id, probe_repository, skip_validation }) =>
    probe_repository === null
      ? !skip_validation
      : !proved.some(
          (proof) =>
            proof.authorization_id === authorization_id && proof.repository === probe_repository,
        ),
  )
}

/** Has the others go on with the new token, which then is one of its own, beside that of `staying`. */
export async function bringOthers(
  trx: Trx,
  ids: { from: string; to: string },
  staying: readonly StaysBehind[],
): Promise<void> {
  await trx
    .updateTable('authorizations')
    .set({ connection_id: ids.to })
    .where('connection_id', '=', ids.from)
    .where(
      'id',
      'not in',
      staying.map(({ authorization_id }) => authorization_id),
    )
    .execute()
  await settleNotices(trx, ids.from)
  await settleNotices(trx, ids.to)
  await enqueue(trx, 'check-connection', { id: ids.to }, `check-connection:${ids.to}`)
}
