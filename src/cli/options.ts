import { type ParseArgsConfig, type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { ActsFor } from '../contract/index.ts'
import { suggestion } from './suggestion.ts'
import { usageError } from './terminal.ts'

/** Flags of every command that speaks to a vault. */
export const vaultFlags = {
  vault: { type: 'string' },
  'runtime-key-file': { type: 'string' },
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig

/** Flags of a command that is for one person, or for the runtime itself. */
export const actorFlags = {
  as: { type: 'string' },
  'as-runtime': { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig

/**
 * For whom a command is.
 *
 * @throws {CommandError} exit code 2
 */
export function actsFor(command: string, values: { as?: string; 'as-runtime'?: boolean }): ActsFor {
  if (values.as && values['as-runtime']) {
    throw usageError(command, 'give one of --as EMAIL and --as-runtime, not both')
  }
  if (values['as-runtime']) return { as_runtime: true }
  if (values.as) return { person: values.as }
  throw usageError(command, 'say for whom, with --as EMAIL or --as-runtime')
}

/** Flags of every command that speaks to a server as a person. */
export const serverFlags = {
  server: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig

/** Flags of a command by which a person authorizes a runtime for themselves. */
export const authorizingFlags = {
  ...serverFlags,
  runtime: { type: 'string' },
  provider: { type: 'string' },
  /** Known only to be refused with a way on. */
  'as-runtime': { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig

/**
 * The runtime for which a person authorizes.
 *
 * @throws {CommandError} exit code 2
 */
export function runtimeNamed(
  command: string,
  wanted: string,
  { runtime, 'as-runtime': as_runtime }: { runtime?: string; 'as-runtime'?: boolean },
): string {
  if (as_runtime) {
    throw usageError(
      command,
      "this is for a person; a runtime's own token an administrator adds on the page of the runtime",
    )
  }
  if (!runtime) throw usageError(command, `say ${wanted}, with --runtime NAME`)
  return runtime
}

/**
 * The flags in `args`, and nothing beside them.
 *
 * @param instead what to do with a word that is there
 * @throws {CommandError} exit code 2
 */
export function readFlags<const O extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: O,
  instead?: string,
) {
  return parse(command, { args, options, strict: true, allowPositionals: false }, instead).values
}

/**
 * The flags in `args`, and the words between them.
 *
 * @throws {CommandError} exit code 2
 */
export function readFlagsAndWords<const O extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: O,
) {
  const found = parse(command, { args, options, strict: true, allowPositionals: true })
  return { values: found.values, words: found.positionals }
}

function parse<const C extends ParseArgsConfig>(command: string, config: C, instead?: string) {
  try {
    return parseArgs(config)
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error
    const wrong = firstWords(error)
    switch (error.code) {
      case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
        throw usageError(command, `${wrong}${meant(wrong, Object.keys(config.options ?? {}))}`)
      case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
        throw usageError(command, instead === undefined ? wrong : `${wrong}: ${instead}`)
      default:
        throw usageError(command, wrong)
    }
  }
}

function meant(wrong: string, names: readonly string[]): string {
  const nearest = suggestion(/'--(.+)'$/.exec(wrong)?.[1] ?? '', names)
  return nearest === undefined ? '' : `, did you mean '--${nearest}'?`
}

/** Node says what is wrong in its first sentence, then how its own parser could be called. */
function firstWords({ message }: TypeError): string {
  const [sentence = ''] = message.split(/\.\s|\n/)
  const words = sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '')
  // Said of one that a flag follows.
  return words.replace('argument is ambiguous', 'argument missing')
}
