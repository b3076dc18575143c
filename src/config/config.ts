import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { ConfigError } from './config-error.ts'
import { databaseUrlFrom } from './database-url.ts'
import type { Env } from './env.ts'

/** Settings of a process, none of them secret. Ports are TCP ports, 0 for any free one. */
export interface Config {
  data_folder: string
  /** Absent: PostgreSQL runs in the data folder. */
  database_url: string | undefined
  host: string
  port: number
  /** Address under which browsers reach the pages, without a trailing slash. */
  page_url: string
  vault_port: number
  sandbox_port: number
  log_level: string
  /** Who is believed about `X-Forwarded-For`: so many proxies in a row, or those at these addresses. */
  trust_proxy: number | string[]
  provider_timeout_ms: number
  request_timeout_ms: number
}

/** Makes a `Config` of what the environment says. Pure. */
export function configFrom(env: Env): Config {
  const host = env.host ?? '127.0.0.1'
  const port = portFrom('COUNTERSIGN_PORT', env.port, 7080)
  return {
    data_folder: resolve(env.data_folder ?? 'data'),
    database_url: databaseUrlFrom(env.database_url),
    host,
    port,
    page_url: pageUrlFrom(env.page_url, port),
    vault_port: portFrom('COUNTERSIGN_VAULT_PORT', env.vault_port, 7081),
    sandbox_port: portFrom('COUNTERSIGN_SANDBOX_PORT', env.sandbox_port, 7082),
    log_level: oneOf('COUNTERSIGN_LOG_LEVEL', env.log_level ?? 'info', [
      'trace',
      'debug',
      'info',
      'warn',
      'error',
      'fatal',
      'silent',
    ]),
    trust_proxy: proxiesFrom(env.trust_proxy ?? 'no'),
    provider_timeout_ms: secondsFrom(
      'COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS',
      env.provider_timeout_seconds,
      10,
    ),
    request_timeout_ms: secondsFrom(
      'COUNTERSIGN_REQUEST_TIMEOUT_SECONDS',
      env.request_timeout_seconds,
      20,
    ),
  }
}

/** What to say of pages that others are to reach, with an address that is this machine's only. */
export function pageUrlNotice({ host, page_url }: Config): string | undefined {
  if (isLoopback(host) || !isLoopback(new URL(page_url).hostname)) return undefined
  return (
    `COUNTERSIGN_HOST is ${host}, and the pages work at ${page_url} only. For people on other ` +
    'machines, set COUNTERSIGN_PAGE_URL to the https address that they open.'
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^(127(\.\d+){3}|\[?::1\]?)$/.test(host)
}

function portFrom(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new ConfigError(`${name} is "${text}"; it must be a port from 0 to 65535.`)
  }
  return port
}

function secondsFrom(name: string, text: string | undefined, fallback: number): number {
  const seconds = text === undefined ? fallback : Number(text)
  if (!(seconds > 0 && seconds <= 600)) {
    throw new ConfigError(`${name} is "${text}"; it must be more than 0 and at most 600.`)
  }
  return seconds * 1000
}

function oneOf(name: string, text: string, allowed: readonly string[]): string {
  if (!allowed.includes(text)) {
    throw new ConfigError(`${name} is "${text}"; it must be one of ${allowed.join(', ')}.`)
  }
  return text
}

/** `yes` is one proxy: what stands left of its own entry, any client can have written. */
function proxiesFrom(text: string): number | string[] {
  if (text === 'no') return 0
  if (text === 'yes') return 1
  if (/^\d$/.test(text)) return Number(text)
  const networks = text.split(',').map((network) => network.trim())
  if (networks.every(isNetwork)) return networks
  throw new ConfigError(
    `COUNTERSIGN_TRUST_PROXY is "${text}"; it must be no, the number of proxies in front ` +
      '(1 to 9), or their addresses or networks, such as 10.0.0.7,10.1.0.0/16.',
  )
}

/** An address, or one with the length of its prefix, RFC 4632 §3.1. */
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  if (bits === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
}

function pageUrlFrom(text: string | undefined, port: number): string {
  if (text === undefined && port === 0) {
    throw new ConfigError('With COUNTERSIGN_PORT 0, set COUNTERSIGN_PAGE_URL too.')
  }
  const url = URL.parse(text ?? `http://localhost:${port}`)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`COUNTERSIGN_PAGE_URL is "${text}"; it must be an http or https address.`)
  }
  return url.origin
}
