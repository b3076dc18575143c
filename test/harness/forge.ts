import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'

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
  pushes(): Promise<Push[]>
  /** Takes the forge off the network until disposed; it then is at the same address again. */
  away(): Promise<AsyncDisposable>
}

export interface Push {
  login: string
  ref: string
  new: string
}

export async function startForge(): Promise<Forge> {
  const data_folder = await mkdtemp(join(tmpdir(), 'countersign-forge-'))
  let sandbox = await startSandbox({ port: 0, control_port: 0, data_folder })
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

  return {
    url,
    control,
    async token(login = 'alice', scopes = GOOD_SCOPES) {
      tokens += 1
      const made = await control('POST', '/control/tokens', { login, name: `t${tokens}`, scopes })
      return (made as { sha1: string }).sha1
    },
    async calls(path) {
      const { calls } = (await control('GET', '/control/calls')) as { calls: { path: string }[] }
      return calls.filter((call) => call.path === path).length
    },
    async pushes() {
      const answer = (await control('GET', '/control/pushes')) as { pushes: Push[] } | Push[]
      return Array.isArray(answer) ? answer : answer.pushes
    },
    async away() {
      await sandbox.close()
      return {
        async [Symbol.asyncDispose]() {
          const port = Number(new URL(url).port)
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
