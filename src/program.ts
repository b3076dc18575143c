import { join } from 'node:path'
import process from 'node:process'
import { cliCommands, reported, unknownCommand } from './cli/commands.ts'
import { help } from './cli/help.ts'
import { interruption } from './cli/interruption.ts'
import { readFlags, readFlagsAndWords, serverFlags } from './cli/options.ts'
import { readSecret } from './cli/question.ts'
import { outliveOutput, usageError } from './cli/terminal.ts'
import { version } from './cli/version.ts'

const PAGES_FOLDER = join(import.meta.dirname, '..', 'dist', 'web')

/** Commands that serve until they are told to stop. */
const roles = ['up', 'server', 'vault'] as const
type Role = (typeof roles)[number]

/** Runs one command line. @returns the exit code */
export async function main([command, ...argv]: string[]): Promise<number> {
  outliveOutput()
  if (command === undefined || command === '--help' || command === '-h') return help(undefined)
  if (command === '--version') return (await cliCommands.version?.([])) ?? 0
  const role = roles.find((name) => name === command)
  if (role !== undefined) return await reported((flags) => startRole(role, flags))(argv)
  if (command === 'reset-password') return await reported(resetPassword)(argv)
  if (command === 'rotate-vault-key') return await reported(rotateVaultKey)(argv)
  const run = cliCommands[command]
  return run === undefined ? unknownCommand(command) : await run(argv)
}

/** Roles take no arguments; everything is in the environment. */
async function startRole(role: Role, argv: readonly string[]): Promise<number> {
  if (readFlags(role, argv, { help: serverFlags.help }).help) return help(role)
  const { runRole } = await import('./roles/run-role.ts')
  return await runRole(role, { version, pages_folder: PAGES_FOLDER, env: process.env })
}

/** A command beside the database, for who cannot sign in any more. */
async function resetPassword(argv: readonly string[]): Promise<number> {
  const { values, words } = readFlagsAndWords('reset-password', argv, { help: serverFlags.help })
  if (values.help) return help('reset-password')
  const [email, ...more] = words
  if (email === undefined || more.length > 0) {
    throw usageError('reset-password', 'name one person, by their e-mail address')
  }
  using interrupted = interruption()
  const { signal } = interrupted
  const { runResetPassword } = await import('./roles/reset-password.ts')
  const askPassword = (question: string, most: number) => readSecret(question, most, signal)
  return await runResetPassword({ env: process.env, email, askPassword })
}

/** A command beside the database, for a key that may have leaked. */
async function rotateVaultKey(argv: readonly string[]): Promise<number> {
  const name = 'rotate-vault-key'
  const { values, words } = readFlagsAndWords(name, argv, { help: serverFlags.help })
  if (values.help) return help(name)
  if (words.length > 0)
    throw usageError(name, 'it takes no words; everything is in the environment')
  const { runRotateVaultKey } = await import('./roles/rotate-vault-key.ts')
  return await runRotateVaultKey(process.env)
}
