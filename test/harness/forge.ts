import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

/** Longer than any test. */
const HELD_MS = 3_600_000

/** Names to each test file a folder that the first start of a forge has filled, see `whole-run.ts`. */
export const FORGE_VARIABLE = 'TEST_FORGE_TEMPLATE'

/** Scopes with which a token does all that a person needs. */
export const GOOD_SCOPES = ['read:user', 'write:repository']

/** A sandbox forge in a folder of its own, with its control port behind functions. */
export interface Forge extends AsyncDisposable {
  url: string
  /** A token of `login`, made by the forge. */
  token(login?: string, scopes?: readonly string[]): Promise<string>
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>
  /** Calls of the API that match `path`, counted by the forge. */
  calls(path: string): Promise<number>
  /** Keeps back what is answered to the next call at `path`, and what that does, until released. */
  hold(path: string): Promise<Held>
  pushes(): Promise<Push[]>
  /** Takes the forge off the network until disposed; it then is at the same address again. */
  away(): Promise<AsyncDisposable>
}

export interface Held {
  /** Resolves when the call has come. */
  asked(): Promise<void>
  /** Lets it be answered; removes all faults. */
  release(): Promise<unknown>
}

export interface Push {
  login: string
  ref: string
  new: string
}

export async function startForge(): Promise<Forge> {
  const data_folder = await mkdtemp(join(tmpdir(), 'countersign-forge-'))
  const template = process.env[FORGE_VARIABLE]
  if (template !== undefined) await cp(template, data_folder, { recursive: true })
  // Nobody else takes this one while the forge is away.
  const port = await freePort()
  let sandbox = await startSandbox({ port, control_port: 0, data_folder })
  const { url } = sandbox
  let tokens = 0

  async function control(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${sandbox.control_url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
    return response.status === 204 ? undefined : await response.json()
  }

  async function calls(path: string): Promise<number> {
    const all = (await control('GET', '/control/calls')) as { calls: { path: string }[] }
    return all.calls.filter((call) => call.path === path).length
  }

  return {
    url,
    control,
    async token(login = 'alice', scopes = GOOD_SCOPES) {
      tokens += 1
      const made = await control('POST', '/control/tokens', { login, name: `t${tokens}`, scopes })
      return (made as { sha1: string }).sha1
    },
    calls,
    async hold(path) {
      const before = await calls(path)
      const fault = { kind: 'delay', match: path, delay_ms: HELD_MS, times: 1 }
      await control('POST', '/control/faults', fault)
      return {
        asked: async () => {
          await until(`a call of ${path}`, async () => (await calls(path)) > before)
        },
        release: () => control('DELETE', '/control/faults'),
      }
    },
    async pushes() {
      const answer = (await control('GET', '/control/pushes')) as { pushes: Push[] } | Push[]
      return Array.isArray(answer) ? answer : answer.pushes
    },
    async away() {
      await sandbox.close()
      return {
        async [Symbol.asyncDispose]() {
          sandbox = await startSandbox({ port, control_port: 0, data_folder })
        },
      }
    },
    [Symbol.asyncDispose]: () => closeForge(sandbox, data_folder),
  }
}

async function closeForge(sandbox: Sandbox, data_folder: string): Promise<void> {
  await sandbox.close()
  await rm(data_folder, { recursive: true, force: true })
}
