import { openPersonSocket } from '../agent/person-socket.ts'
import { type Refusal, refusalFrom, refusalSentence } from '../agent/refusal.ts'
import { SocketFolderError } from '../agent/socket-folder.ts'
import { openVaultClient, type VaultClient } from '../agent/vault-client.ts'
import {
  type ActsFor,
  isUsable,
  type ProviderSummary,
  type RuntimeView,
  type TokenOnRuntime,
} from '../contract/index.ts'
import { runChild } from './child.ts'
import { type CommitIdentity, childEnvironment } from './child-environment.ts'
import { help } from './help.ts'
import { commitIdentity, type PersonOnRuntime, robotIdentity } from './identity.ts'
import { actorFlags, actsFor, readFlags, vaultFlags } from './options.ts'
import { readSettings, type Settings, usualConfigPaths } from './settings.ts'
import { relaySignals } from './signals.ts'
import { CommandError, exitCodes, say, usageError } from './terminal.ts'

const flags = {
  ...vaultFlags,
  ...actorFlags,
  provider: { type: 'string' },
} as const

/**
 * `countersign run --as EMAIL -- COMMAND`: one command whose Git acts as one person; with
 * `--as-runtime`, as the runtime itself.
 *
 * @returns the command's exit code
 * @throws {CommandError}
 */
export async function run(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  const values = readFlags('run', own, flags, 'put "--" before the command to run')
  if (values.help) return help('run')
  const acts_for = actsFor('run', values)
  const [command, ...args] = end < 0 ? [] : argv.slice(end + 1)
  if (!command) throw usageError('run', 'put "--" and then the command to run')

  const settings = await readSettings({
    flags: values,
    env: process.env,
    config_paths: usualConfigPaths(),
  })
  await using vault = openVaultClient(settings)
  const view = await readView(vault, acts_for, settings)
  const as = actingAs(view, acts_for, values.provider)

  using signals = relaySignals()
  await using socket = await openPersonSocket({
    vault,
    acts_for: as.acts_for,
    onRefusal: refusalPrinter(),
  }).catch(noSocket)
  const env = environment({
    env: process.env,
    base_urls: view.providers.map((provider) => provider.base_url),
    socket_path: socket.socket_path,
    identity: as.identity,
  })
  return await runChild({ command, args, env, signals })
}

async function readView(
  vault: VaultClient,
  acts_for: ActsFor,
  { key_source }: Settings,
): Promise<RuntimeView> {
  try {
    return await vault.getRuntimeView({
      query: 'person' in acts_for ? { person: acts_for.person } : {},
    })
  } catch (error) {
    const refusal = refusalFrom(error)
    throw refused(`${refusalSentence(refusal)}${hint(refusal, key_source)}`, error)
  }
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

/** For whom Git asks, and as whom it commits. */
function actingAs(
  view: RuntimeView,
  acts_for: ActsFor,
  provider_name: string | undefined,
): { acts_for: ActsFor; identity: CommitIdentity } {
  const providers =
    provider_name === undefined ? view.providers : [providerNamed(view, provider_name)]
  if (providers.length === 0) {
    throw refused(
      `No Git host is set up for runtime "${view.runtime.name}". See ${view.page_url}/admin/runtimes`,
    )
  }
  if ('as_runtime' in acts_for) {
    const { provider, account } =
      firstUsable(providers, view.own_tokens) ?? noOwnToken(view, providers)
    return { acts_for, identity: robotIdentity(view.runtime, provider.base_url, account) }
  }
  const person = view.person ?? unknownPerson(view, acts_for.person, providers)
  const { account } =
    firstUsable(providers, person.authorizations) ?? noAuthorization(view, person, providers)
  return { acts_for: { person: person.email }, identity: commitIdentity(person, account) }
}

/** A runtime is not told whether somebody who has not authorized it is here at all. */
function unknownPerson(
  view: RuntimeView,
  email: string,
  providers: readonly ProviderSummary[],
): never {
  const { runtime, page_url } = view
  throw refused(
    `${email} has not authorized runtime "${runtime.name}" for ${addresses(providers)}. Authorize ` +
      `it at ${page_url}/tokens or, for somebody who is not here yet, ask an administrator`,
  )
}

/** The token whose account commits: the first that works. */
function firstUsable(
  providers: readonly ProviderSummary[],
  tokens: readonly TokenOnRuntime[],
): { provider: ProviderSummary; account: TokenOnRuntime['account'] } | undefined {
  for (const provider of providers) {
    const token = tokens.find(({ provider_id }) => provider_id === provider.id)
    if (token && isUsable(token.status)) return { provider, account: token.account }
  }
  return undefined
}

function noAuthorization(
  view: RuntimeView,
  { email, authorizations }: PersonOnRuntime,
  providers: readonly ProviderSummary[],
): never {
  const { runtime, page_url } = view
  const authorized = withToken(providers, authorizations)
  const on = `runtime "${runtime.name}"`
  if (authorized.length === 0) {
    const hosts = addresses(providers)
    throw refused(
      `${email} has not authorized ${on} for ${hosts}. Authorize it at ${page_url}/tokens`,
    )
  }
  const hosts = addresses(authorized)
  throw refused(
    `The token of ${email} for ${hosts} does not work on ${on}. Replace it at ${page_url}/tokens`,
  )
}

function noOwnToken(view: RuntimeView, providers: readonly ProviderSummary[]): never {
  const { runtime, page_url, own_tokens } = view
  const given = withToken(providers, own_tokens)
  const page = `${page_url}/admin/runtimes/${runtime.id}`
  if (given.length === 0) {
    const hosts = addresses(providers)
    throw refused(
      `Runtime "${runtime.name}" has no token of its own for ${hosts}. An administrator gives it ` +
        `one at ${page}`,
    )
  }
  const hosts = addresses(given)
  throw refused(
    `The own token of runtime "${runtime.name}" for ${hosts} does not work. An administrator ` +
      `replaces it at ${page}`,
  )
}

/** Those of some providers for which there is a token at all. */
function withToken(
  providers: readonly ProviderSummary[],
  tokens: readonly TokenOnRuntime[],
): ProviderSummary[] {
  return providers.filter(({ id }) => tokens.some(({ provider_id }) => provider_id === id))
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

function noSocket(error: unknown): never {
  if (!(error instanceof SocketFolderError)) throw error
  throw new CommandError(`${error.message}.`, exitCodes.usage, { cause: error })
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
