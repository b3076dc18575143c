import { randomUUID } from 'node:crypto'
import { betterAuth } from 'better-auth'
import {
  MIN_PASSWORD_LENGTH,
  ProblemError,
  type Role,
  sessionCookiePrefix,
} from '../contract/index.ts'
import { type Action, type Actor, type Attempt, decide, recordDenial } from '../policy/decide.ts'
import type { Db, Trx } from '../store/database.ts'
import { countPassword, countSignIn } from './attempts.ts'
import { recordFailedSignIn } from './failed-sign-in.ts'
import {
  endAllSessions,
  passwordHash,
  refuseReplacedPassword,
  refuseWeakPassword,
  replacePassword,
} from './password.ts'

export interface AuthSettings {
  page_url: string
  session_secret: string
}

/** A signed-in person, as an actor. */
export type SignedIn = Extract<Actor, { kind: 'person' }>

/** Somebody who is signed in with a browser, and in which session. */
export type InBrowser = SignedIn & { session_id: string }

/** Sign-in, sessions and passwords; better-auth behind the few calls that we need of it. */
export interface Auth {
  /**
   * Checks a password and opens a session.
   *
   * @returns the `Set-Cookie` values
   * @throws ProblemError `sign-in-failed`, `too-many-attempts`
   */
  signIn(attempt: { email: string; password: string; ip: string | null }): Promise<string[]>
  /** Opens a session for somebody who has just proved who they are by an invitation. */
  openSession(person: { email: string; password: string; ip: string | null }): Promise<string[]>
  /** Ends the session of this `Cookie` header. @returns the `Set-Cookie` values */
  signOut(request: { cookie: string; ip: string | null }): Promise<string[]>
  /**
   * Changes somebody's password and ends all their sessions, those of command lines, too.
   *
   * @returns the `Set-Cookie` values of the session that takes the place of this one
   * @throws ProblemError `password-wrong`, `password-too-weak`, `too-many-attempts`
   */
  changePassword(change: {
    person: SignedIn
    current_password: string
    new_password: string
    ip: string | null
  }): Promise<string[]>
  /** Ends all sessions of who is signed in, those of command lines, too. @returns the `Set-Cookie` values */
  signOutEverywhere(request: {
    person: SignedIn
    cookie: string
    ip: string | null
  }): Promise<string[]>
  /** Who is signed in with this `Cookie` header; undefined: nobody. */
  whoIs(cookie: string): Promise<InBrowser | undefined>
  hashPassword(password: string): Promise<string>
}

/**
 * Whoever ends this session from now on waits until `trx` ends.
 *
 * @throws ProblemError `not-signed-in` when it has ended
 */
export async function holdSession(trx: Trx, { session_id }: InBrowser): Promise<void> {
  const session = await trx
    .selectFrom('sessions')
    .select('id')
    .where('id', '=', session_id)
    .forShare()
    .executeTakeFirst()
  if (session === undefined) throw notSignedIn()
}

export function notSignedIn(): ProblemError {
  return new ProblemError('not-signed-in', 'Sign in, then try again.')
}

function signInFailed(cause?: unknown): ProblemError {
  return new ProblemError('sign-in-failed', 'Check both and try again.', { cause })
}

function passwordWrong(): ProblemError {
  return new ProblemError('password-wrong', 'Type it again. Nothing was changed.')
}

/** Header that only we set, on requests that never leave the process. */
const IP_HEADER = 'x-countersign-client-ip'
const SESSION_SECONDS = 14 * 24 * 3600

export function openAuth(db: Db, settings: AuthSettings): Auth {
  const auth = createBetterAuth(db, settings)

  async function call(path: string, headers: Record<string, string>, body: unknown) {
    return await auth.handler(
      new Request(`${settings.page_url}/api/auth${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: settings.page_url, ...headers },
        body: JSON.stringify(body),
      }),
    )
  }

  async function whoIs(cookie: string): Promise<InBrowser | undefined> {
    const asked = auth.api.getSession({ headers: new Headers({ cookie }) })
    // It hides what the database said behind an error of its own.
    const found = await asked.catch((error: unknown) => {
      throw error instanceof Error && error.cause instanceof Error ? error.cause : error
    })
    if (found === null) return undefined
    const { id, email, role } = found.user
    return { kind: 'person', id, name: email, role: role as Role, session_id: found.session.id }
  }

  /** It says nothing when the database does not let it end the session: that has been done before. */
  async function clearedCookies(cookie: string): Promise<string[]> {
    return (await call('/sign-out', { cookie }, {})).headers.getSetCookie()
  }

  async function openSession({
    email,
    password,
    ip,
  }: Parameters<Auth['openSession']>[0]): Promise<string[]> {
    const response = await auth.api.signInEmail({
      body: { email, password },
      headers: new Headers({ [IP_HEADER]: ip ?? '127.0.0.1' }),
      asResponse: true,
    })
    return response.headers.getSetCookie()
  }

  return {
    async signIn({ email, password, ip }) {
      await countSignIn(db, { email, ip })
      const password_hash = await passwordHash(db, email)
      const response = await call(
        '/sign-in/email',
        { [IP_HEADER]: ip ?? '127.0.0.1' },
        {
          email,
          password,
        },
      )
      const answer: unknown = await response.json().catch(() => null)
      if (!response.ok) {
        await recordFailedSignIn(db, { email, ip })
        throw signInFailed(answer)
      }
      const { token, user } = answer as {
        token: string
        user: { id: string; email: string; role: Role }
      }
      const { id, role } = user
      const person = { kind: 'person', id, name: user.email, role } as const
      try {
        await decide(db, ownAct(person, 'session.create', 'signed in', ip), (trx) =>
          refuseReplacedPassword(trx, { email, password_hash }, signInFailed),
        )
      } catch (error) {
        await db.deleteFrom('sessions').where('token', '=', token).execute()
        throw error
      }
      return response.headers.getSetCookie()
    },
    openSession,
    async signOut({ cookie, ip }) {
      const person = await whoIs(cookie)
      if (person !== undefined) {
        await decide(db, ownAct(person, 'session.delete', 'signed out', ip), async (trx) => {
          await trx.deleteFrom('sessions').where('id', '=', person.session_id).execute()
        })
      }
      return await clearedCookies(cookie)
    },
    async changePassword({ person, current_password, new_password, ip }) {
      refuseWeakPassword(new_password)
      await countPassword(db, person)
      const email = person.name
      const before = await passwordHash(db, email)
      const { password } = await auth.$context
      if (!before || !(await password.verify({ hash: before, password: current_password }))) {
        await recordWrongPassword(db, person, ip)
        throw passwordWrong()
      }
      const hash = await password.hash(new_password)
      const subject = 'own password, and all other sessions ended'
      const attempt = ownAct(person, 'account.change_password', subject, ip)
      await decide(db, attempt, async (trx) => {
        await refuseReplacedPassword(trx, { email, password_hash: before }, passwordWrong)
        await replacePassword(trx, person.id, hash)
      })
      return await openSession({ email, password: new_password, ip })
    },
    async signOutEverywhere({ person, cookie, ip }) {
      const attempt = ownAct(person, 'session.delete_all', 'signed out everywhere', ip)
      await decide(db, attempt, (trx) => endAllSessions(trx, person.id))
      return await clearedCookies(cookie)
    },
    whoIs,
    hashPassword: async (password) => (await auth.$context).password.hash(password),
  }
}

/** What somebody does with their own sessions and password, for the audit trail. */
function ownAct(actor: SignedIn, action: Action, subject: string, ip: string | null): Attempt {
  return { actor, action, subject, ip, owner_id: actor.id }
}

async function recordWrongPassword(db: Db, actor: SignedIn, ip: string | null): Promise<void> {
  const about = { subject: 'wrong password', reason: 'password-wrong', owner_id: actor.id } as const
  await recordDenial(db, { actor, action: 'account.change_password', ip, ...about })
}

function createBetterAuth(db: Db, settings: AuthSettings) {
  return betterAuth({
    baseURL: settings.page_url,
    basePath: '/api/auth',
    secret: settings.session_secret,
    database: { db, type: 'postgres' },
    telemetry: { enabled: false },
    logger: { disabled: true },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: MIN_PASSWORD_LENGTH,
      maxPasswordLength: 256,
    },
    user: {
      modelName: 'people',
      fields: {
        emailVerified: 'email_verified',
        createdAt: 'created_at',
        updatedAt: 'updated_at',
      },
      additionalFields: { role: { type: 'string', required: true, input: false } },
    },
    session: {
      modelName: 'sessions',
      expiresIn: SESSION_SECONDS,
      disableSessionRefresh: true,
      fields: {
        userId: 'person_id',
        ipAddress: 'ip_address',
        userAgent: 'user_agent',
        expiresAt: 'expires_at',
        createdAt: 'created_at',
        updatedAt: 'updated_at',
      },
    },
    account: {
      modelName: 'logins',
      fields: {
        userId: 'person_id',
        providerId: 'provider_id',
        accountId: 'account_id',
        accessToken: 'access_token',
        refreshToken: 'refresh_token',
        idToken: 'id_token',
        accessTokenExpiresAt: 'access_token_expires_at',
        refreshTokenExpiresAt: 'refresh_token_expires_at',
        createdAt: 'created_at',
        updatedAt: 'updated_at',
      },
    },
    verification: {
      modelName: 'verifications',
      fields: { expiresAt: 'expires_at', createdAt: 'created_at', updatedAt: 'updated_at' },
    },
    // What is to be limited is counted here. It would count all who sign out as one.
    rateLimit: { enabled: false },
    advanced: {
      cookiePrefix: sessionCookiePrefix(settings.page_url),
      // That would put another word before our own prefix.
      useSecureCookies: false,
      defaultCookieAttributes: {
        httpOnly: true,
        sameSite: 'lax',
        secure: settings.page_url.startsWith('https:'),
      },
      ipAddress: { ipAddressHeaders: [IP_HEADER] },
      database: { generateId: () => randomUUID() },
    },
  })
}
