import { stdout } from 'node:process'
import { access } from './access.ts'
import { authorize } from './authorize.ts'
import { commandNames, help, isCommand } from './help.ts'
import { readFlags, readFlagsAndWords } from './options.ts'
import { run } from './run.ts'
import { login, logout, whoami } from './sessions.ts'
import { suggestion } from './suggestion.ts'
import { CommandError, exitCodes, say } from './terminal.ts'
import { version } from './version.ts'

type Command = (argv: string[]) => Promise<number>

const commands = {
  // Its logger is not what `run` should wait for.
  agent: reported(async (argv) => (await import('./agent.ts')).agent(argv)),
  run: reported(run),
  access: reported(access),
  login: reported(login),
  logout: reported(logout),
  whoami: reported(whoami),
  authorize: reported(authorize),
  // Its cryptography is not what `run` should wait for.
  token: reported(async (argv) => (await import('./token.ts')).token(argv)),
  version: reported(printVersion),
  help: reported(explain),
} satisfies Record<string, Command>

/**
 * Commands for people, by name. Each takes what follows its name and returns an exit code. Without
 * a prototype: the name comes from the command line.
 */
export const cliCommands: Readonly<Record<string, Command>> = Object.assign(
  Object.create(null),
  commands,
)

async function printVersion(argv: readonly string[]): Promise<number> {
  const { help: wanted } = readFlags('version', argv, { help: { type: 'boolean', short: 'h' } })
  if (wanted) return help('version')
  stdout.write(`countersign ${version}\n`)
  return 0
}

async function explain(argv: readonly string[]): Promise<number> {
  const flags = { help: { type: 'boolean', short: 'h' } } as const
  const { values, words } = readFlagsAndWords('help', argv, flags)
  const [name] = words
  if (name === undefined) return help(values.help ? 'help' : undefined)
  return isCommand(name) ? help(name) : unknownCommand(name)
}

/** Says that there is no command `name`. Returns the exit code. */
export function unknownCommand(name: string): number {
  const meant = suggestion(name, commandNames)
  const question = meant === undefined ? '' : ` Did you mean "${meant}"?`
  say(`there is no command "${name}".${question} See "countersign help".`)
  return exitCodes.usage
}

/** `command`, whose failures end with one line and their exit code. */
export function reported(command: (argv: readonly string[]) => Promise<number>): Command {
  return async (argv) => {
    try {
      return await command(argv)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      say(error.message)
      return error.exit_code
    }
  }
}
