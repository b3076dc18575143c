import { sql } from 'kysely'
import type { Logger } from 'pino'
import { announceToken } from '../authorizations/announce-token.ts'
import { type NoticePlan, planNotices, settleNotices } from '../authorizations/notices.ts'
import type { Broker } from '../events/broker.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'
import { startDueLoop, TOKEN_CHANGES, waitUntil } from './due-loop.ts'

/** How many connections a vault takes on at a time. */
const BATCH = 200
/** Another vault that took one on and died has this long before it is due again. */
const TAKEN_SECONDS = 30

interface Due {
  id: string
  owner_id: string
  owner_kind: OwnerKind
  provider_id: string
  account_login: string
}

/**
 * Tells owners what time alone brings about: a token ends soon, has ended, or an authorization has
 * lived for as long as an administrator allows. Sleeps until the next such moment, which an index
 * knows; its cost follows what is due and not what is stored.
 */
export function startNoticeClock(parts: { db: Db; broker: Broker; log: Logger }): AsyncDisposable {
  const { db, broker, log } = parts

  async function round(): Promise<number> {
    const due = await takeDue(db)
    for (const one of due) await settleDue(db, one)
    return due.length === BATCH ? 0 : await untilNext(db)
  }

  return startDueLoop({ broker, log, changes: TOKEN_CHANGES, round })
}

/** Takes what is due so that no other vault takes the same at once. */
async function takeDue(db: Db): Promise<Due[]> {
  const { rows } = await sql<Due>`
    update connections set notice_due_at = now() + make_interval(secs => ${TAKEN_SECONDS})
    where id in (
      select id from connections where notice_due_at <= now()
      order by notice_due_at limit ${BATCH} for update skip locked)
    returning id, owner_id, owner_kind, provider_id, account_login`.execute(db)
  return rows
}

async function settleDue(db: Db, due: Due): Promise<void> {
  const { id, owner_id } = due
  const plan = await planNotices(db, id)
  if (plan === undefined) return
  if (plan.begun.length === 0 && plan.over.length === 0) {
    await db.transaction().execute(async (trx) => {
      await settleNotices(trx, id)
      // A runtime that warns earlier than others finds its notice written already.
      await announceToken(trx, due)
    })
    return
  }
  const attempt = {
    actor: vaultActor,
    action: 'connection.status',
    subject: await subjectOf(db, due, plan),
    ip: null,
    owner_id,
    connection_id: id,
  } as const
  await decide(db, attempt, async (trx) => {
    await settleNotices(trx, id)
    await announceToken(trx, due)
  })
}

async function subjectOf(db: Db, due: Due, { begun }: NoticePlan): Promise<string> {
  const provider = await db
    .selectFrom('providers')
    .select('name')
    .where('id', '=', due.provider_id)
    .executeTakeFirst()
  const news = begun.length === 0 ? ['no longer to be warned of'] : begun.map(({ kind }) => kind)
  return `token of ${due.account_login} at ${provider?.name}: ${[...new Set(news)].join(', ')}`
}

async function untilNext(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: string | null }>`
    select extract(epoch from min(notice_due_at) - now()) * 1000 as ms
    from connections where notice_due_at is not null`.execute(db)
  return waitUntil(rows[0]?.ms)
}
