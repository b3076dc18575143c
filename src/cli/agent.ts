import { join } from 'node:path'
import { pino } from 'pino'
import { runAgent } from '../agent/agent.ts'
import { logDestination } from '../agent/log-destination.ts'
import { SocketFolderError } from '../agent/socket-folder.ts'
import { openVaultClient } from '../agent/vault-client.ts'
import { ProblemError } from '../contract/index.ts'
import { help } from './help.ts'
import { readFlags, vaultFlags } from './options.ts'
import { readSettings, usualConfigPaths } from './settings.ts'
import { CommandError, exitCodes, usageError } from './terminal.ts'
import { version } from './version.ts'

const flags = {
  ...vaultFlags,
  person: { type: 'string', multiple: true },
  'as-runtime': { type: 'boolean' },
  'socket-folder': { type: 'string' },
} as const

/**
 * `countersign agent --person EMAIL… --as-runtime`: answers Git until it is told to stop. Logs to stdout.
 *
 * @throws {CommandError}
 */
export async function agent(argv: readonly string[]): Promise<number> {
  const values = readFlags('agent', argv, flags, 'name people with --person')
  if (values.help) return help('agent')
  // As everywhere, in any case.
  const people = new Set(values.person?.map((person) => person.toLowerCase()))
  // A variable of a script that is not set.
  if (people.has('') || (people.size === 0 && !values['as-runtime'])) {
    throw usageError('agent', 'say for whom, with --person EMAIL or --as-runtime')
  }
  const settings = await readSettings({
    flags: values,
    env: process.env,
    config_paths: usualConfigPaths(),
  })
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop.abort())
  try {
    await using vault = openVaultClient(settings)
    await runAgent({
      vault,
      socket_folder: values['socket-folder'] || usualSocketFolder(),
      people: [...people],
      as_runtime: values['as-runtime'] ?? false,
      version,
      signal: stop.signal,
      log: pino({ name: 'agent' }, logDestination(1)),
    })
  } catch (error) {
    throw startError(error, settings.key_source)
  }
  return 0
}

function usualSocketFolder(): string {
  return join(process.env.XDG_RUNTIME_DIR || '/run', 'countersign')
}

function startError(error: unknown, key_source: string): unknown {
  if (error instanceof ProblemError) {
    return new CommandError(`${error.detail} The key is from ${key_source}.`, exitCodes.refused)
  }
  if (error instanceof SocketFolderError)
    return new CommandError(`${error.message}.`, exitCodes.usage)
  if (error instanceof Error && 'code' in error && 'path' in error) {
    return new CommandError(
      `${error.path} cannot be used (${error.code}): name a --socket-folder.`,
      exitCodes.usage,
    )
  }
  return error
}
