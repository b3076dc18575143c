import process from 'node:process'
import { configFrom } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { readEnv } from '../config/env.ts'
import { personByEmail, resetPassword } from '../people/reset-password.ts'
import { setupActor } from '../policy/decide.ts'
import { requireMigrated } from '../store/migrate.ts'
import { sentenceFor } from './failure-sentence.ts'
import { openOwnDatabase } from './own-database.ts'

export interface ResetOptions {
  env: NodeJS.ProcessEnv
  email: string
  /** Asks for the new password; `most` characters are read. */
  askPassword: (question: string, most: number) => Promise<string>
}

/** What the page takes at sign-in. */
const MAX_PASSWORD_LENGTH = 256

/**
 * `countersign reset-password EMAIL`, beside the database: whoever can read that may do this. A
 * Countersign that runs meanwhile goes on, so its tables are used only where they are ours.
 *
 * @returns the exit code
 */
export async function runResetPassword(options: ResetOptions): Promise<number> {
  const { env, email, askPassword } = options
  try {
    await using resources = new AsyncDisposableStack()
    const database = await openOwnDatabase(resources, configFrom(readEnv(env)))
    await requireMigrated(database)
    const person = await personByEmail(database.db, email)
    const question = `New password for ${person.email} (not shown):`
    const answer = await askPassword(question, 2 * MAX_PASSWORD_LENGTH)
    const password = answer.replace(/\r?\n$/, '')
    if (password.length > MAX_PASSWORD_LENGTH) {
      throw new ConfigError(`A password has at most ${MAX_PASSWORD_LENGTH} characters.`)
    }
    await resetPassword(database.db, { actor: setupActor, person, password })
    process.stdout.write(`${person.email} has the new password, and no session any more.\n`)
    return 0
  } catch (error) {
    const sentence = sentenceFor(error)
    if (sentence === undefined) throw error
    process.stderr.write(`countersign: ${sentence}\n`)
    return 1
  }
}
