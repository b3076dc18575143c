import { ProblemError, type ProblemType, type Role } from '../contract/index.ts'
import { type Db, isDeadlock, type Trx } from '../store/database.ts'
import type { AuditTable } from '../store/tables.ts'

/** Who acts. `name` is kept in the audit trail as it is now: an e-mail address, a runtime's name. */
export type Actor =
  | { kind: 'person'; id: string; name: string; role: Role }
  | { kind: 'runtime'; id: string; name: string }
  | { kind: 'vault'; id: null; name: 'vault' }
  | { kind: 'setup'; id: null; name: 'setup' }

export const vaultActor: Actor = { kind: 'vault', id: null, name: 'vault' }
export const setupActor: Actor = { kind: 'setup', id: null, name: 'setup' }

type Rule = (actor: Actor) => boolean

const isPerson: Rule = (actor) => actor.kind === 'person'
const isAdmin: Rule = (actor) => actor.kind === 'person' && actor.role === 'admin'
const isSetup: Rule = (actor) => actor.kind === 'setup'
const isAdminOrSetup: Rule = (actor) => isSetup(actor) || isAdmin(actor)
const isVault: Rule = (actor) => actor.kind === 'vault'
const isRuntime: Rule = (actor) => actor.kind === 'runtime'

/** Everything that changes something, and who may do it. */
const rules = {
  'invite.create': isAdminOrSetup,
  'invite.accept': isAdminOrSetup,
  'invite.delete': isAdmin,
  'person.update': isAdmin,
  'person.delete': isAdmin,
  'person.reset_password': isSetup,
  'session.create': isPerson,
  'session.delete': isPerson,
  'device_sign_in.answer': isPerson,
  'session.delete_all': isPerson,
  'account.update': isPerson,
  'account.change_password': isPerson,
  'provider.create': isAdminOrSetup,
  'provider.update': isAdmin,
  'provider.move': isSetup,
  'provider.delete': isAdmin,
  'vault_key.rotate': isSetup,
  'client.put': isAdmin,
  'client.test': isAdmin,
  'client.delete': isAdmin,
  'runtime_provider.update': isAdmin,
  'runtime.create': isAdminOrSetup,
  'runtime.update': isAdmin,
  'runtime.delete': isAdmin,
  'runtime_key.create': isAdminOrSetup,
  'runtime_key.delete': isAdminOrSetup,
  'runtime_token.create': isAdmin,
  'runtime_token.authorize': isAdmin,
  'runtime_token.return': isAdmin,
  'runtime_token.confirm': isAdmin,
  'runtime_token.check': isAdmin,
  'runtime_token.delete': isAdmin,
  'candidate.create': isPerson,
  'candidate.finish': isVault,
  'authorization_request.create': isPerson,
  'authorization_request.return': isPerson,
  'authorization_request.confirm': isPerson,
  'authorization_request.cancel': isPerson,
  'authorization_request.finish': isVault,
  'authorization.create': isPerson,
  'authorization.update': isPerson,
  'authorization.delete': isPerson,
  'connection.check': isPerson,
  'connection.status': isVault,
  'connection.refresh': isVault,
  'connection.revoke': isVault,
  'client.tested': isVault,
  'credential.report': isRuntime,
} as const satisfies Record<string, Rule>

export type Action = keyof typeof rules

/** All that `decide` knows. */
export const ACTIONS: readonly string[] = Object.keys(rules)

/** What somebody is about to do. `subject` says to what, in words, without any secret. */
export interface Attempt extends AboutRows {
  actor: Actor
  action: Action
  subject: string
  /** Address the request came from. */
  ip: string | null
  reason?: string
}

/** Which rows an act is about: of what comes of it, it knows only when that is there. */
interface AboutRows {
  owner_id?: string
  runtime_id?: string
  connection_id?: string
}

/** How often a change is begun anew that the database took back in favour of another one. */
const MOST_TRIES = 4

/**
 * Authorizes and audits in one call: writes the audit row and runs `work` in one transaction, so
 * that neither is there without the other. A denial is written too, and thrown.
 *
 * @param work changes the database only: it runs again when a deadlock undid it. Says with `about`
 *   which rows came of it
 * @throws ProblemError `not-an-administrator` when the actor may not do this
 */
export async function decide<T>(
  db: Db,
  attempt: Attempt,
  work: (trx: Trx, about: (rows: AboutRows) => void) => Promise<T>,
): Promise<T> {
  if (!rules[attempt.action](attempt.actor)) {
    const reason = 'not-an-administrator'
    await db
      .insertInto('audit')
      .values(auditRow({ ...attempt, reason }, 'denied'))
      .execute()
    throw new ProblemError(reason, 'Ask an administrator to do this.')
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await db.transaction().execute(async (trx) => {
        const done = { ...attempt }
        const result = await work(trx, (rows) => Object.assign(done, rows))
        await trx.insertInto('audit').values(auditRow(done, 'allowed')).execute()
        return result
      })
    } catch (error) {
      if (!isDeadlock(error) || tries === MOST_TRIES) throw error
    }
  }
}

/** Writes down that somebody was turned away before it came to a decision about one thing. */
export async function recordDenial(
  db: Db,
  denied: {
    /** Nobody that is known, where `id` is null. */
    actor: { kind: Actor['kind']; id: string | null; name: string }
    action: Action | 'administration'
    subject: string
    reason: ProblemType
    ip: string | null
    owner_id?: string | null
  },
): Promise<void> {
  const { actor, action, subject, reason, ip, owner_id = null } = denied
  await db
    .insertInto('audit')
    .values({
      actor_kind: actor.kind,
      actor_id: actor.id,
      actor_name: actor.name,
      action,
      outcome: 'denied',
      subject,
      reason,
      ip,
      owner_id,
    })
    .execute()
}

function auditRow(attempt: Attempt, outcome: AuditTable['outcome']) {
  return {
    actor_kind: attempt.actor.kind,
    actor_id: attempt.actor.id,
    actor_name: attempt.actor.name,
    action: attempt.action,
    outcome,
    subject: attempt.subject,
    reason: attempt.reason ?? null,
    ip: attempt.ip,
    owner_id: attempt.owner_id ?? null,
    runtime_id: attempt.runtime_id ?? null,
    connection_id: attempt.connection_id ?? null,
  }
}
