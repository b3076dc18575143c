import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Environment } from './child-environment.ts'
import { homeFolder } from './home-folder.ts'
import { CommandError, exitCodes } from './terminal.ts'

/** How to reach the vault as which runtime. */
export interface Settings {
  vault_url: string
  runtime_key: string
  /** Where the key came from, in words. */
  key_source: string
  /** Reads it from its file again: by now it may be one that took its place. */
  rereadKey?: () => Promise<string>
}

export interface SettingsSources {
  flags: {
    vault?: string | undefined
    'runtime-key-file'?: string | undefined
    config?: string | undefined
  }
  env: Environment
  /** Configuration files to try, first match wins, when none is named. */
  config_paths: readonly string[]
}

interface ConfigFile {
  server_url?: string
  vault_url?: string
  runtime_key_file?: string
}

const HOW_TO =
  'On the machine of "countersign up", start that first; elsewhere, give --vault and --runtime-key-file, or see "countersign run --help"'

/** `data/agent.json` of this installation, written by `countersign up`; then the person's own. */
export function usualConfigPaths(): string[] {
  const own = join(import.meta.dirname, '..', '..', 'data', 'agent.json')
  const home = homeFolder()
  return home === undefined ? [own] : [own, join(home, '.config', 'countersign', 'agent.json')]
}

/**
 * Finds each setting on its own: flags before environment before configuration file.
 *
 * @throws {CommandError} exit code 2: one is missing or cannot be used, or the key would go out in
 *   the clear
 */
export async function readSettings({
  flags,
  env,
  config_paths,
}: SettingsSources): Promise<Settings> {
  const named = flags.config || env.COUNTERSIGN_CONFIG
  const config = named ? await readNamedConfig(named) : await readFirstConfig(config_paths)

  const vault_url = flags.vault || env.COUNTERSIGN_VAULT_URL || config.vault_url
  if (!vault_url) throw unusable(`no vault is configured. ${HOW_TO}`)
  if (!isHttpUrl(vault_url)) throw unusable(`"${vault_url}" is not the http(s) address of a vault`)
  const may_be_read = env.COUNTERSIGN_VAULT_PLAIN_HTTP === 'yes'
  if (!may_be_read && isReadableOnTheWay(new URL(vault_url))) {
    throw unusable(
      `${new URL(vault_url).origin} would get the runtime key in the clear: use its https address, ` +
        'or, where the network itself encrypts, set COUNTERSIGN_VAULT_PLAIN_HTTP=yes',
    )
  }

  const flag_file = flags['runtime-key-file'] || env.COUNTERSIGN_RUNTIME_KEY_FILE
  if (flag_file) return { vault_url, ...(await readKeyFile(flag_file)) }
  if (env.COUNTERSIGN_RUNTIME_KEY) {
    const key_source = 'COUNTERSIGN_RUNTIME_KEY'
    return {
      vault_url,
      runtime_key: checkedKey(env.COUNTERSIGN_RUNTIME_KEY, key_source),
      key_source,
    }
  }
  if (config.runtime_key_file) return { vault_url, ...(await readKeyFile(config.runtime_key_file)) }
  throw unusable(`no runtime key is configured. ${HOW_TO}`)
}

/**
 * The server's address: what is named now, where the person is signed in already, or what the
 * configuration says.
 *
 * @param kept the server of the kept session
 * @throws {CommandError} exit code 2: none is known, or it cannot be spoken to safely
 */
export async function readServerUrl(
  {
    flags,
    env,
    config_paths,
  }: Omit<SettingsSources, 'flags'> & { flags: { server?: string | undefined } },
  kept: string | undefined,
): Promise<string> {
  const named = flags.server || env.COUNTERSIGN_SERVER_URL || kept
  const config = env.COUNTERSIGN_CONFIG
    ? await readNamedConfig(env.COUNTERSIGN_CONFIG)
    : await readFirstConfig(config_paths)
  const text = named || config.server_url
  if (!text) throw unusable('no server is known: give its address, with --server URL')
  const url = isHttpUrl(text) ? new URL(text) : undefined
  if (url === undefined) throw unusable(`"${text}" is not the http(s) address of a server`)
  if (isReadableOnTheWay(url)) {
    throw unusable(`${url.origin} would send your session in the clear: use its https address`)
  }
  return url.origin
}

/** Plain HTTP to another machine: whoever listens in between reads what is sent. */
function isReadableOnTheWay({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isThisMachine(hostname)
}

/** Also by an address of its own, or by any: `countersign up` writes the one it listens on. */
function isThisMachine(hostname: string): boolean {
  if (hostname === 'localhost' || /^127(\.\d+){3}$/.test(hostname)) return true
  const address = hostname.replace(/^\[|\]$/g, '')
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return ['::1', '::', '0.0.0.0'].includes(address) || own.some((one) => one.address === address)
}

async function readNamedConfig(path: string): Promise<ConfigFile> {
  const config = await readConfig(path)
  if (config === undefined) throw unusable(`there is no configuration file ${path}`)
  return config
}

async function readFirstConfig(paths: readonly string[]): Promise<ConfigFile> {
  for (const path of paths) {
    const config = await readConfig(path, NOT_OURS)
    if (config !== undefined) return config
  }
  return {}
}

/** What the system says of a file that there is not … */
const NOT_THERE = ['ENOENT', 'ENOTDIR']
/** … or of one in a folder of somebody else, which nobody has named. */
const NOT_OURS = [...NOT_THERE, 'EACCES']

async function readConfig(path: string, absent = NOT_THERE): Promise<ConfigFile | undefined> {
  const text = await readText(path, absent)
  if (text === undefined) return undefined
  const { server_url, vault_url, runtime_key_file } = parseObject(text, path)
  const config: ConfigFile = {}
  if (typeof server_url === 'string') config.server_url = server_url
  if (typeof vault_url === 'string') config.vault_url = vault_url
  if (typeof runtime_key_file === 'string') {
    config.runtime_key_file = resolve(dirname(path), runtime_key_file)
  }
  return config
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) }
  } catch (error) {
    throw unusable(`${path} is not JSON`, error)
  }
}

async function readKeyFile(path: string): Promise<Omit<Settings, 'vault_url'>> {
  const rereadKey = async () => {
    const text = await readText(path)
    if (text === undefined) throw unusable(`there is no runtime key file ${path}`)
    return checkedKey(text, path)
  }
  return { runtime_key: await rereadKey(), key_source: path, rereadKey }
}

function checkedKey(text: string, source: string): string {
  const key = text.trim()
  if (/^csr_[\x21-\x7e]+$/.test(key)) return key
  throw unusable(`${source} does not hold a runtime key: those begin with "csr_"`)
}

async function readText(path: string, absent = NOT_THERE): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (absent.includes(code)) return undefined
    throw unusable(`${path} cannot be read (${code})`, error)
  }
}

function isHttpUrl(text: string): boolean {
  const protocol = URL.parse(text)?.protocol
  return protocol === 'http:' || protocol === 'https:'
}

function unusable(problem: string, cause?: unknown): CommandError {
  return new CommandError(`${problem}.`, exitCodes.usage, { cause })
}
