import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/sandbox.ts'
import { temporaryFolder } from '../forge/git.ts'

export interface RunningSandbox extends Sandbox {
  data_folder: string
  /** Calls the control port and answers its JSON. */
  control(method: string, path: string, body?: object): Promise<ControlAnswer>
  /** Issues a token of alice's through the control port. */
  createToken(name: string, scopes: string[]): Promise<string>
}

// biome-ignore lint/suspicious/noExplicitAny: what the control port answers is what tests find out
export type ControlAnswer = any

/** A sandbox on free ports with a folder of its own, gone when its owner is done with it. */
export async function runSandbox(options: Partial<SandboxOptions> = {}): Promise<RunningSandbox> {
  const folder = options.data_folder ? undefined : await temporaryFolder()
  const data_folder = options.data_folder ?? folder?.path ?? ''
  const sandbox = await startSandbox({ port: 0, control_port: 0, ...options, data_folder })

  async function control(method: string, path: string, body?: object): Promise<ControlAnswer> {
    const response = await fetch(`${sandbox.control_url}/control${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const answer: ControlAnswer = await response.json()
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.error}`)
    return answer
  }

  async function createToken(name: string, scopes: string[]): Promise<string> {
    return (await control('POST', '/tokens', { login: 'alice', name, scopes })).sha1
  }

  async function close(): Promise<void> {
    await sandbox.close()
    await folder?.remove()
  }
  return { ...sandbox, data_folder, control, createToken, close, [Symbol.asyncDispose]: close }
}

/** The headers of a call with this token. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `token ${token}` }
}
