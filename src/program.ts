import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { cliCommands, unknownCommand } from './cli/commands.ts'
import { help } from './cli/help.ts'
import { version } from './cli/version.ts'

const PAGES_FOLDER = join(import.meta.dirname, '..', 'dist', 'web')

/** Commands that serve until they are told to stop. */
const roles = ['up', 'server', 'vault'] as const
type Role = (typeof roles)[number]

/** Runs one command line. @returns the exit code */
export async function main([command, ...argv]: string[]): Promise<number> {
  if (command === undefined || command === '--help' || command === '-h') return help(undefined)
  if (command === '--version') return (await cliCommands.version?.([])) ?? 0
  const role = roles.find((name) => name === command)
  if (role !== undefined) return await startRole(role, argv)
  const run = cliCommands[command]
  return run === undefined ? unknownCommand(command) : await run(argv)
}

async function startRole(role: Role, argv: string[]): Promise<number> {
  const wrong = wrongFlags(argv)
  if (wrong === 'help') return help(role)
  if (wrong !== undefined) {
    process.stderr.write(`countersign: ${wrong} See "countersign ${role} --help".\n`)
    return 2
  }
  const { runRole } = await import('./roles/run-role.ts')
  return await runRole(role, { version, pages_folder: PAGES_FOLDER, env: process.env })
}

/** Roles take no arguments; everything is in the environment. */
function wrongFlags(argv: string[]): string | undefined {
  try {
    const flags = parseArgs({ args: argv, options: { help: { type: 'boolean', short: 'h' } } })
    return flags.values.help === true ? 'help' : undefined
  } catch (error) {
    return `${(error as Error).message.split('. ')[0]}.`
  }
}
