import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** A vault in a process of its own, which a test may end in any way. */
export interface VaultProcess extends AsyncDisposable {
  url: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

export async function startVaultProcess(settings: {
  database_url: string
  data_folder: string
  vault_key: string
  page_url: string
}): Promise<VaultProcess> {
  const child = spawn(process.execPath, [MAIN, 'vault'], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: settings.database_url,
      COUNTERSIGN_DATA: settings.data_folder,
      COUNTERSIGN_VAULT_KEY: settings.vault_key,
      COUNTERSIGN_PAGE_URL: settings.page_url,
      COUNTERSIGN_VAULT_PORT: '0',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const end = (signal: NodeJS.Signals) => endWith(child, signal)
  return {
    url: await readyUrl(child),
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

async function endWith(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function readyUrl(child: ChildProcess): Promise<string> {
  const said: string[] = []
  if (child.stderr === null) throw new Error('the vault has no standard error')
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
    if (url !== undefined) {
      child.stderr.resume()
      return url
    }
  }
  throw new Error(`the vault did not start:\n${said.join('\n')}`)
}
