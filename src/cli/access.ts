import { stdout } from 'node:process'
import { refusalFrom, refusalSentence } from '../agent/refusal.ts'
import { openVaultClient } from '../agent/vault-client.ts'
import type { RepositoryAccess } from '../contract/index.ts'
import { help } from './help.ts'
import { readFlagsAndWords, vaultFlags } from './options.ts'
import { readSettings, usualConfigPaths } from './settings.ts'
import { CommandError, exitCodes, usageError } from './terminal.ts'

const flags = {
  ...vaultFlags,
  as: { type: 'string' },
  json: { type: 'boolean' },
} as const

/**
 * `countersign access --as EMAIL URL`: prints whether a person may read or write a repository.
 *
 * @throws {CommandError}
 */
export async function access(argv: readonly string[]): Promise<number> {
  const { values, words } = readFlagsAndWords('access', argv, flags)
  if (values.help) return help('access')
  if (!values.as) throw usageError('access', 'say for whom, with --as EMAIL')
  const [address, ...more] = words
  const url = URL.parse(address ?? '')
  if (address === undefined || more.length > 0 || url === null || !/^https?:$/.test(url.protocol)) {
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
        person: values.as,
        protocol: url.protocol === 'https:' ? 'https' : 'http',
        host: url.host,
        path: url.pathname.slice(1),
      },
    })
    stdout.write(
      values.json ? `${JSON.stringify(answer)}\n` : `${inWords(values.as, clean, answer)}\n`,
    )
    return 0
  } catch (error) {
    throw new CommandError(refusalSentence(refusalFrom(error)), exitCodes.refused, { cause: error })
  }
}

function inWords(person: string, url: string, answer: RepositoryAccess): string {
  const { visible, read, write, sign_on_page } = answer
  if (sign_on_page !== null) {
    return `${person} must pass their organization's single sign-on first: ${sign_on_page}`
  }
  if (read) return `${person} may read${write ? ' and write' : ', but not write,'} ${url}`
  return visible
    ? `${person} sees ${url}, but may not read or write it`
    : `${person} sees no repository at ${url}`
}
