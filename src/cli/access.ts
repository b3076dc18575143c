import { stdout } from 'node:process'
import { refusalFrom, refusalSentence } from '../agent/refusal.ts'
import { openVaultClient } from '../agent/vault-client.ts'
import type { ActsFor, RepositoryAccess } from '../contract/index.ts'
import { help } from './help.ts'
import { actorFlags, actsFor, readFlagsAndWords, vaultFlags } from './options.ts'
import { readSettings, usualConfigPaths } from './settings.ts'
import { CommandError, exitCodes, usageError } from './terminal.ts'

const flags = {
  ...vaultFlags,
  ...actorFlags,
  json: { type: 'boolean' },
} as const

/**
 * `countersign access --as EMAIL URL`: prints whether a person may read or write a repository; with
 * `--as-runtime`, whether the runtime itself may.
 *
 * @throws {CommandError}
 */
export async function access(argv: readonly string[]): Promise<number> {
  const { values, words } = readFlagsAndWords('access', argv, flags)
  if (values.help) return help('access')
  const acts_for = actsFor('access', values)
  const [address, ...more] = words
  const url = URL.parse(address ?? '')
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.pathname !== '/'
  if (!isAddress || more.length > 0) {
    throw usageError('access', 'name one repository by its http(s) clone address')
  }
  const settings = await readSettings({
    flags: values,
    env: process.env,
    config_paths: usualConfigPaths(),
  })
  await using vault = openVaultClient(settings)
  const clean = `${url.origin}${url.pathname}`
  try {
    const answer = await vault.readRepositoryAccess({
      body: {
        ...acts_for,
        protocol: url.protocol === 'https:' ? 'https' : 'http',
        host: url.host,
        path: url.pathname.slice(1),
      },
    })
    stdout.write(
      values.json ? `${JSON.stringify(answer)}\n` : `${inWords(acts_for, clean, answer)}\n`,
    )
    return 0
  } catch (error) {
    throw new CommandError(refusalSentence(refusalFrom(error)), exitCodes.refused, { cause: error })
  }
}

function inWords(acts_for: ActsFor, url: string, answer: RepositoryAccess): string {
  const who = 'person' in acts_for ? acts_for.person : 'The runtime itself'
  const { visible, read, write, sign_on_page } = answer
  if (sign_on_page !== null) {
    return `${who} must pass the organization's single sign-on first: ${sign_on_page}`
  }
  if (read) return `${who} may read${write ? ' and write' : ', but not write,'} ${url}`
  return visible
    ? `${who} sees ${url}, but may not read or write it`
    : `${who} sees no repository at ${url}`
}
