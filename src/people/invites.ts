import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { type Invite, ProblemError, type Role } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { holdAdministrator } from '../policy/administrator.ts'
import { type Actor, decide, setupActor } from '../policy/decide.ts'
import { hashSecret } from '../policy/issued-secret.ts'
import { type Db, isDuplicate, type Trx } from '../store/database.ts'
import { atMost, decodeCursor, type Page, type PageRequest, toPage } from '../store/page.ts'
import { countAttempt } from './attempts.ts'
import type { Auth } from './auth.ts'
import { refuseWeakPassword } from './password.ts'
import { roleInWords } from './people.ts'

const INVITE_DAYS = 7
/** Each costs the hash of a password, and tells whether somebody here has an address. */
const ANSWERS = { most: 20, seconds: 300 }
/** Any number that only we use. */
const SETUP_LOCK = 7_080_003

/** Until `trx` ends, nobody else makes or uses a link for the first administrator. */
async function takeSetupTurn(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${SETUP_LOCK})`.execute(trx)
}

/** True until somebody has become the first administrator. */
export async function isSetupRequired(db: Db | Trx): Promise<boolean> {
  const admin = await db
    .selectFrom('people')
    .select('id')
    .where('role', '=', 'admin')
    .limit(1)
    .executeTakeFirst()
  return admin === undefined
}

/**
 * Makes an invitation that works once, within a week. One for the first administrator takes the
 * place of the one before.
 *
 * @returns the invitation and its secret, which is stored as a hash only
 * @throws ProblemError `email-taken`, `not-an-administrator`
 */
export async function createInvite(
  db: Db,
  invite: { actor: Actor; ip: string | null; role: Role; email?: string | undefined },
): Promise<{ invite: Invite; token: string }> {
  const token = randomBytes(24).toString('base64url')
  const email = invite.email?.toLowerCase() ?? null
  const attempt = {
    actor: invite.actor,
    action: 'invite.create',
    subject: inWords({ role: invite.role, email }),
    ip: invite.ip,
  } as const
  const row = await decide(db, attempt, async (trx) => {
    // Or it would be left when those that they made are withdrawn.
    if (invite.actor.kind === 'person') await holdAdministrator(trx, invite.actor)
    if (email !== null) await refuseTakenEmail(trx, email)
    if (invite.actor.kind === 'setup') {
      await takeSetupTurn(trx)
      await trx.deleteFrom('invites').where('created_by', 'is', null).execute()
    }
    const created = await trx
      .insertInto('invites')
      .values({
        token_hash: hashSecret(token),
        role: invite.role,
        email,
        created_by: invite.actor.kind === 'setup' ? null : invite.actor.name,
        expires_at: sql<Date>`now() + make_interval(days => ${INVITE_DAYS})`,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    await announce(trx, { name: 'people', owner_id: null, id: created.id })
    return created
  })
  return { invite: toInvite(row), token }
}

/** What the invitation with this secret offers. @throws ProblemError `invite-invalid` */
export async function readInvite(db: Db, token: string): Promise<Invite> {
  const row = await db
    .selectFrom('invites')
    .selectAll()
    .where('token_hash', '=', hashSecret(token))
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  if (row === undefined) throw inviteInvalid()
  return toInvite(row)
}

/**
 * Uses an invitation up and makes its bearer a person of this installation.
 *
 * @throws ProblemError `invite-invalid`, `email-taken`, `password-too-weak`, `too-many-attempts`
 */
export async function acceptInvite(
  db: Db,
  auth: Auth,
  answer: { token: string; name: string; email: string; password: string; ip: string | null },
): Promise<void> {
  refuseWeakPassword(answer.password)
  const email = answer.email.toLowerCase()
  const invite = await readInvite(db, answer.token)
  if (invite.email !== null && invite.email !== email) {
    throw new ProblemError('invite-invalid', `This invitation is for ${invite.email}.`)
  }
  await countAttempt(db, `invitation ${invite.id}`, ANSWERS)
  const password = await auth.hashPassword(answer.password)
  const id = randomUUID()
  const attempt = {
    actor: setupActor,
    action: 'invite.accept',
    subject: `${email} joined as ${roleInWords(invite.role)}`,
    ip: answer.ip,
    owner_id: id,
  } as const
  const joined = decide(db, attempt, async (trx) => {
    if (invite.created_by === null) {
      await takeSetupTurn(trx)
      if (!(await isSetupRequired(trx))) throw inviteInvalid()
    }
    const used = await trx
      .deleteFrom('invites')
      .where('id', '=', invite.id)
      .returning('role')
      .executeTakeFirst()
    if (used === undefined) throw inviteInvalid()
    await refuseTakenEmail(trx, email)
    await trx
      .insertInto('people')
      .values({ id, name: answer.name.trim(), email, role: used.role })
      .execute()
    await trx
      .insertInto('logins')
      .values({ person_id: id, account_id: id, provider_id: 'credential', password })
      .execute()
    await announce(trx, { name: 'people', owner_id: null, id })
  })
  await joined.catch((error: unknown) => {
    throw isDuplicate(error, 'people_email') ? emailTaken() : error
  })
}

/** Invitations that can still be used, newest first. */
export async function listInvites(db: Db, request: PageRequest): Promise<Page<Invite>> {
  const after = decodeCursor(request.cursor, ['instant', 'id'])
  const rows = await db
    .selectFrom('invites')
    .selectAll()
    .where('expires_at', '>', sql<Date>`now()`)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(created_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`,
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toInvite, (row) => [row.created_at.toISOString(), row.id])
}

/** Withdraws an invitation. @throws ProblemError `not-found` */
export async function deleteInvite(
  db: Db,
  request: { actor: Actor; ip: string | null; id: string },
): Promise<void> {
  const { actor, ip, id } = request
  const invite = await db
    .selectFrom('invites')
    .select(['role', 'email'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (invite === undefined) throw alreadyUsed()
  const attempt = { actor, action: 'invite.delete', subject: inWords(invite), ip } as const
  await decide(db, attempt, async (trx) => {
    const deleted = await trx.deleteFrom('invites').where('id', '=', id).executeTakeFirst()
    if (deleted.numDeletedRows === 0n) throw alreadyUsed()
    await announce(trx, { name: 'people', owner_id: null, id })
  })
}

/** An invitation, as the audit trail names it. */
function inWords({ role, email }: { role: Role; email: string | null }): string {
  return `invitation as ${roleInWords(role)}${email === null ? '' : ` for ${email}`}`
}

function alreadyUsed(): ProblemError {
  return new ProblemError('not-found', 'This invitation was used or withdrawn already.')
}

async function refuseTakenEmail(trx: Trx, email: string): Promise<void> {
  const taken = await trx
    .selectFrom('people')
    .select('id')
    .where(sql<string>`lower(email)`, '=', email)
    .executeTakeFirst()
  if (taken !== undefined) throw emailTaken()
}

function emailTaken(): ProblemError {
  return new ProblemError('email-taken', 'Sign in with it, or use another address.')
}

function inviteInvalid(): ProblemError {
  return new ProblemError(
    'invite-invalid',
    'It was used already, withdrawn, or is too old. Ask an administrator for a new link.',
  )
}

function toInvite(row: {
  id: string
  role: Role
  email: string | null
  created_by: string | null
  created_at: Date
  expires_at: Date
}): Invite {
  return {
    id: row.id,
    role: row.role,
    email: row.email,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  }
}
