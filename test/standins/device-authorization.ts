import { randomBytes, randomUUID } from 'node:crypto'
import type { Client } from './client.ts'
import type { Call, Forge, Reply } from './stand-in.ts'

interface Refusal {
  status: number
  error: string
}

/** How one host's device flow differs from another's. */
export interface DeviceRules {
  path: string
  /** Where people type their code, below the host's address. */
  verification_path: string
  /** Whether the host also gives an address with the code in it. */
  complete: boolean
  /** Seconds. */
  expires_in: number
  /** What becomes of the app's secret: without it there is no answer, or with it. */
  secret: 'needed' | 'ignored' | 'refused'
  /** Whether who asks too often is told to slow down. */
  slow_down: boolean
  /** An app without the flow: no code, or none that ever leads to a token. */
  off: Refusal & { at: 'code' | 'token' }
  errors: Record<'client' | 'scope' | 'pending' | 'denied' | 'expired' | 'unknown', Refusal>
  user_code(): string
}

/** What a person does at the host with a code, and what a test does to the host. */
export interface Devices {
  approve(user_code: string, login: string): void
  deny(user_code: string): void
  /** Lets the code be too old. */
  expire(user_code: string): void
  /** What only the app and the host should know. */
  deviceCode(user_code: string): string
  /** The app's owner has not turned the flow on. */
  off: boolean
  /** Seconds between two questions, as new codes get them. */
  interval: number
}

interface Device {
  device_code: string
  user_code: string
  client: Client
  scopes: string[]
  login: string | null
  state: 'pending' | 'denied' | 'expired'
  interval: number
  polled_at: number
}

/** The device flow of RFC 8628, as strict as it lets a server be. */
export function deviceAuthorization(parts: {
  forge: () => Forge
  rules: DeviceRules
  clients: ReadonlyMap<string, Client>
  knows(scope: string): boolean
  issue(grant: { client: Client; login: string; scopes: string[] }): Reply
}) {
  const { rules, clients } = parts
  const found = new Map<string, Device>()
  const byUser = (user_code: string) => {
    const device = [...found.values()].find((one) => one.user_code === user_code)
    if (device === undefined) throw new Error(`nobody has the code ${user_code}`)
    return device
  }
  const refuse = ({ status, error }: Refusal, more: object = {}): Reply => ({
    status,
    body: { error, error_description: `refused: ${error}`, ...more },
  })

  const devices: Devices = {
    approve(user_code, login) {
      byUser(user_code).login = login
    },
    deny(user_code) {
      byUser(user_code).state = 'denied'
    },
    expire(user_code) {
      byUser(user_code).state = 'expired'
    },
    deviceCode: (user_code) => byUser(user_code).device_code,
    off: false,
    interval: 5,
  }

  function clientOf({ form }: Call): Client | undefined {
    const client = clients.get(form.get('client_id') ?? '')
    const secret = form.get('client_secret')
    if (rules.secret === 'refused' && secret !== null) return undefined
    if (client?.is_public === true && secret === null) return client
    if (rules.secret === 'needed' && secret !== client?.client_secret) return undefined
    return client
  }

  function begin(call: Call): Reply {
    const client = clientOf(call)
    if (client === undefined) return refuse(rules.errors.client)
    if (devices.off && rules.off.at === 'code') return refuse(rules.off)
    const wanted = (call.form.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
    const scopes = wanted.filter((scope) => parts.knows(scope))
    if (scopes.length < wanted.length) return refuse(rules.errors.scope)
    const [device_code, user_code] = [randomBytes(20).toString('hex'), rules.user_code()]
    const { interval } = devices
    const fresh = { login: null, state: 'pending', interval, polled_at: 0 } as const
    found.set(device_code, { device_code, user_code, client, scopes, ...fresh })
    const verification_uri = parts.forge().url + rules.verification_path
    const complete = `${verification_uri}?user_code=${user_code}`
    return {
      status: 200,
      body: {
        device_code,
        user_code,
        verification_uri,
        ...(rules.complete ? { verification_uri_complete: complete } : {}),
        expires_in: rules.expires_in,
        interval,
      },
    }
  }

  function poll(call: Call): Reply {
    const client = clientOf(call)
    if (client === undefined) return refuse(rules.errors.client)
    if (devices.off) return refuse(rules.off)
    const device = found.get(call.form.get('device_code') ?? '')
    if (device?.client !== client) return refuse(rules.errors.unknown)
    if (device.state !== 'pending') {
      found.delete(device.device_code)
      return refuse(rules.errors[device.state])
    }
    const early = Date.now() < device.polled_at + device.interval * 1000 - 20
    device.polled_at = Date.now()
    if (early && rules.slow_down) {
      device.interval += 5
      return refuse(
        { status: rules.errors.pending.status, error: 'slow_down' },
        { interval: device.interval },
      )
    }
    if (device.login === null) return refuse(rules.errors.pending)
    found.delete(device.device_code)
    return parts.issue({ client, login: device.login, scopes: device.scopes })
  }

  return { devices, begin, poll }
}

/** Eight letters and digits, as most hosts give them out. */
export function plainUserCode(): string {
  return randomUUID().slice(0, 8).toUpperCase()
}
