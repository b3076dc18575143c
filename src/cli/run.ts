import { openPersonSocket } from '../agent/person-socket.ts'
import { type Refusal, refusalFrom, refusalSentence } from '../agent/refusal.ts'
import { openVaultClient, type VaultClient } from '../agent/vault-client.ts'
import type { ProviderSummary, RuntimeView } from '../contract/index.ts'
import { runChild } from './child.ts'
import { childEnvironment } from './child-environment.ts'
import { help } from './help.ts'
import {
  type AuthorizationOnRuntime,
  commitIdentity,
  isUsable,
  type PersonOnRuntime,
} from './identity.ts'
import { readFlags, vaultFlags } from './options.ts'
import { readSettings, type Settings, usualConfigPaths } from './settings.ts'
import { relaySignals } from './signals.ts'
import { CommandError, exitCodes, say, usageError } from './terminal.ts'

const flags = {
  ...vaultFlags,
  as: { type: 'string' },
  provider: { type: 'string' },
} as const

/**
 * `countersign run --as EMAIL -- COMMAND`: one command whose Git acts as one person.
 *
 * @returns the command's exit code
 * @throws {CommandError}
 */
export async function run(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  const values = readFlags('run', own, flags)
  if (values.help) return help('run')
  if (!values.as) throw usageError('run', 'say for whom, with --as EMAIL')
  const [command, ...args] = end < 0 ? [] : argv.slice(end + 1)
  if (!command) throw usageError('run', 'put "--" and then the command to run')

  const settings = await readSettings({
    flags: values,
    env: process.env,
    config_paths: usualConfigPaths(),
  })
  await using vault = openVaultClient(settings)
  const view = await readView(vault, values.as, settings)
  const person = personIn(view, values.as)
  const { account } = actingAuthorization(view, person, values.provider)

  using signals = relaySignals()
  await using socket = await openPersonSocket({
    vault,
    person: person.email,
    onRefusal: refusalPrinter(),
  })
  const env = environment({
    env: process.env,
    base_urls: view.providers.map((provider) => provider.base_url),
    socket_path: socket.socket_path,
    identity: commitIdentity(person, account),
  })
  return await runChild({ command, args, env, signals })
}

async function readView(
  vault: VaultClient,
  person: string,
  { vault_url, key_source }: Settings,
): Promise<RuntimeView> {
  let view: RuntimeView
  try {
    view = await vault.getRuntimeView({ query: { person } })
  } catch (error) {
    const refusal = refusalFrom(error)
    throw refused(`${refusalSentence(refusal)}${hint(refusal, key_source)}`, error)
  }
  if (Array.isArray(view.providers)) return view
  throw refused(`What answers at ${vault_url} is not a vault.`)
}

function hint({ type }: Refusal, key_source: string): string {
  switch (type) {
    case 'runtime-key-invalid':
      return ` The key is from ${key_source}.`
    case 'vault-unavailable':
      return ' Start Countersign there, or name another vault with --vault.'
    default:
      return ''
  }
}

function personIn({ person, page_url }: RuntimeView, email: string): PersonOnRuntime {
  if (person !== null) return person
  throw refused(
    `Nobody here has the e-mail address ${email}. An administrator invites people at ${page_url}/admin/people`,
  )
}

/** The authorization whose account commits: of the named provider, else the first that works. */
function actingAuthorization(
  view: RuntimeView,
  person: PersonOnRuntime,
  name: string | undefined,
): AuthorizationOnRuntime {
  const providers = name === undefined ? view.providers : [providerNamed(view, name)]
  const authorizationFor = ({ id }: ProviderSummary) =>
    person.authorizations.find((authorization) => authorization.provider_id === id)
  for (const provider of providers) {
    const authorization = authorizationFor(provider)
    if (authorization && isUsable(authorization)) return authorization
  }
  throw nothingUsable(view, person, providers, providers.filter(authorizationFor))
}

function nothingUsable(
  { runtime, page_url }: RuntimeView,
  { email }: PersonOnRuntime,
  providers: readonly ProviderSummary[],
  authorized: readonly ProviderSummary[],
): CommandError {
  const on = `runtime "${runtime.name}"`
  if (providers.length === 0) {
    return refused(`No Git host is set up for ${on}. See ${page_url}/admin/runtimes`)
  }
  if (authorized.length === 0) {
    const hosts = addresses(providers)
    return refused(
      `${email} has not authorized ${on} for ${hosts}. Authorize it at ${page_url}/tokens`,
    )
  }
  const hosts = addresses(authorized)
  return refused(
    `The token of ${email} for ${hosts} does not work on ${on}. Replace it at ${page_url}/tokens`,
  )
}

function addresses(providers: readonly ProviderSummary[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(
    providers.map(({ base_url }) => base_url),
  )
}

function providerNamed({ providers, runtime }: RuntimeView, name: string): ProviderSummary {
  const provider = providers.find((candidate) => candidate.name === name)
  if (provider) return provider
  const names = providers.map((candidate) => `"${candidate.name}"`).join(', ') || 'none'
  throw usageError('run', `runtime "${runtime.name}" has no provider "${name}", but ${names}`)
}

function environment(options: Parameters<typeof childEnvironment>[0]): Record<string, string> {
  try {
    return childEnvironment(options)
  } catch (error) {
    if (error instanceof RangeError) throw usageError('run', error.message)
    throw error
  }
}

/** Says each thing once: Git asks again for every request that is refused. */
function refusalPrinter(): (refusal: Refusal) => void {
  const said = new Set<string>()
  return (refusal) => {
    const sentence = refusalSentence(refusal)
    if (said.has(sentence)) return
    said.add(sentence)
    say(sentence)
  }
}

function refused(sentence: string, cause?: unknown): CommandError {
  return new CommandError(sentence, exitCodes.refused, { cause })
}
