import { sql } from 'kysely'
import { type Person, ProblemError, type Role } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { notAnAdministrator } from '../policy/administrator.ts'
import { type Actor, decide } from '../policy/decide.ts'
import type { Db, Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'

/** One person. @throws ProblemError `not-found` */
export async function getPerson(db: Db, id: string): Promise<Person> {
  const row = await db.selectFrom('people').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw personNotFound()
  return toPerson(row)
}

/** People by name. */
export async function listPeople(db: Db, request: PageRequest): Promise<Page<Person>> {
  const after = decodeCursor(request.cursor, ['text', 'id'])
  const pattern = containsPattern(request.q)
  const rows = await db
    .selectFrom('people')
    .selectAll()
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(lower(name), id) > (lower(${after?.[0]}), ${after?.[1]}::uuid)`),
    )
    .$if(pattern !== null, (query) =>
      query.where(sql<boolean>`(name ilike ${pattern} or email ilike ${pattern})`),
    )
    .orderBy(({ fn }) => fn('lower', ['name']))
    .orderBy('id')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toPerson, (row) => [row.name, row.id])
}

interface PersonRequest {
  actor: Actor
  ip: string | null
  id: string
}

/**
 * Changes a role. With that of an administrator go the invitations they made.
 *
 * @throws ProblemError `not-found`, `last-administrator`, `not-an-administrator`
 */
export async function updatePerson(
  db: Db,
  request: PersonRequest & { role: Role },
): Promise<Person> {
  const { actor, ip, id, role } = request
  const before = await getPerson(db, id)
  const subject = `${before.email} becomes ${roleInWords(role)}`
  const attempt = { actor, action: 'person.update', subject, ip, owner_id: id } as const
  return await decide(db, attempt, async (trx) => {
    await keepAnAdministrator(trx, actor, role === 'member' ? id : null)
    const row = await trx
      .updateTable('people')
      .set({ role, updated_at: sql<Date>`now()` })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) throw personNotFound()
    if (role === 'member') await withdrawInvites(trx, before)
    await announce(trx, { name: 'people', owner_id: id, id })
    return toPerson(row)
  })
}

/** Changes somebody's own name. @throws ProblemError `not-found` */
export async function updateAccount(
  db: Db,
  request: PersonRequest & { name: string },
): Promise<Person> {
  const { actor, ip, id, name } = request
  const subject = `own name: ${name}`
  const attempt = { actor, action: 'account.update', subject, ip, owner_id: id } as const
  return await decide(db, attempt, async (trx) => {
    const row = await trx
      .updateTable('people')
      .set({ name, updated_at: sql<Date>`now()` })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) throw personNotFound()
    await announce(trx, { name: 'people', owner_id: id, id })
    return toPerson(row)
  })
}

/**
 * Removes a person with their sessions, tokens and authorizations, and the invitations they made.
 *
 * @throws ProblemError `not-found`, `last-administrator`, `not-an-administrator`
 */
export async function deletePerson(db: Db, request: PersonRequest): Promise<void> {
  const { actor, ip, id } = request
  const person = await getPerson(db, id)
  const subject = person.email
  const attempt = { actor, action: 'person.delete', subject, ip, owner_id: id } as const
  await decide(db, attempt, async (trx) => {
    await keepAnAdministrator(trx, actor, id)
    const deleted = await trx.deleteFrom('people').where('id', '=', id).executeTakeFirst()
    if (deleted.numDeletedRows === 0n) throw personNotFound()
    await withdrawInvites(trx, person)
    await announce(trx, { name: 'people', owner_id: id, id })
  })
}

/** Nobody comes back by an invitation that they made beforehand. */
async function withdrawInvites(trx: Trx, { email }: { email: string }): Promise<void> {
  await trx.deleteFrom('invites').where('created_by', '=', email).execute()
}

/**
 * Locks the administrators, so that two requests cannot each take the other's last one, and that
 * nobody who has just left them brings themselves back.
 *
 * @param leaving who is to be one no longer; null: nobody
 * @throws ProblemError `last-administrator`; `not-an-administrator` when `actor` has left meanwhile
 */
async function keepAnAdministrator(trx: Trx, actor: Actor, leaving: string | null): Promise<void> {
  const admins = await trx
    .selectFrom('people')
    .select('id')
    .where('role', '=', 'admin')
    .forUpdate()
    .execute()
  if (!admins.some(({ id }) => id === actor.id)) throw notAnAdministrator()
  if (admins.length === 1 && admins[0]?.id === leaving) {
    throw new ProblemError('last-administrator', 'Make somebody else an administrator first.')
  }
}

const ROLES: Record<Role, string> = { admin: 'an administrator', member: 'a member' }

/** A role, as the audit trail tells it. */
export function roleInWords(role: Role): string {
  return ROLES[role]
}

function personNotFound(): ProblemError {
  return new ProblemError('not-found', 'This person is not, or no longer, here.')
}

function toPerson(row: {
  id: string
  name: string
  email: string
  role: Role
  created_at: Date
}): Person {
  const { id, name, email, role } = row
  return { id, name, email, role, created_at: row.created_at.toISOString() }
}
