import { readFileSync } from 'node:fs'

/** What the environment may say. Everything is text or absent; `config.ts` makes sense of it. */
export interface Env {
  data_folder: string | undefined
  database_url: string | undefined
  host: string | undefined
  port: string | undefined
  page_url: string | undefined
  vault_port: string | undefined
  sandbox_port: string | undefined
  log_level: string | undefined
  trust_proxy: string | undefined
  provider_timeout_seconds: string | undefined
  request_timeout_seconds: string | undefined
  vault_key: string | undefined
  session_secret: string | undefined
}

/**
 * Reads the variables we know; an empty one counts as absent. `NAME_FILE` names a file whose first
 * line is the value of `NAME`.
 */
export function readEnv(variables: NodeJS.ProcessEnv): Env {
  const env = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''))
  return {
    data_folder: env.COUNTERSIGN_DATA,
    database_url: textOrFile(env, 'DATABASE_URL'),
    host: env.COUNTERSIGN_HOST,
    port: env.COUNTERSIGN_PORT,
    page_url: env.COUNTERSIGN_PAGE_URL,
    vault_port: env.COUNTERSIGN_VAULT_PORT,
    sandbox_port: env.COUNTERSIGN_SANDBOX_PORT,
    log_level: env.COUNTERSIGN_LOG_LEVEL,
    trust_proxy: env.COUNTERSIGN_TRUST_PROXY,
    provider_timeout_seconds: env.COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS,
    request_timeout_seconds: env.COUNTERSIGN_REQUEST_TIMEOUT_SECONDS,
    vault_key: textOrFile(env, 'COUNTERSIGN_VAULT_KEY'),
    session_secret: textOrFile(env, 'COUNTERSIGN_SESSION_SECRET'),
  }
}

/** All that begin with `COUNTERSIGN_`: those of the roles, and those of the commands for people. */
const KNOWN = new Set(
  (
    'DATA HOST PORT PAGE_URL VAULT_PORT SANDBOX_PORT LOG_LEVEL TRUST_PROXY ' +
    'PROVIDER_TIMEOUT_SECONDS REQUEST_TIMEOUT_SECONDS VAULT_KEY VAULT_KEY_FILE SESSION_SECRET ' +
    'SESSION_SECRET_FILE VAULT_URL RUNTIME_KEY RUNTIME_KEY_FILE CONFIG VAULT_PLAIN_HTTP SERVER_URL'
  )
    .split(' ')
    .map((name) => `COUNTERSIGN_${name}`),
)

/** Variables that look like settings of ours, and that nothing reads: misspelt ones, probably. */
export function unknownSettings(variables: NodeJS.ProcessEnv): string[] {
  return Object.keys(variables).filter(
    (name) => name.startsWith('COUNTERSIGN_') && !KNOWN.has(name),
  )
}

function textOrFile(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = env[`${name}_FILE`]
  if (file === undefined) return env[name]
  return textIn(file).split('\n', 1)[0]?.trim()
}

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Of a folder, Node does not say which it is.
    throw Object.assign(error as Error, { path })
  }
}
