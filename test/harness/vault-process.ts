import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** A vault in a process of its own, which a test may end in any way. */
export interface VaultProcess extends AsyncDisposable {
  url: string
  /** What it wrote to standard error, line by line. */
  said: readonly string[]
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Its exit code, null after a signal, when the process is gone and all that it said was read. */
  gone: Promise<number | null>
}

export interface VaultProcessSettings {
  database_url: string
  data_folder: string
  vault_key: string
  page_url: string
  /** A module that Node loads before the vault, to change what is around it. */
  preload?: string
  /** What that module looks at. */
  env?: Record<string, string>
}

export async function startVaultProcess(settings: VaultProcessSettings): Promise<VaultProcess> {
  const { preload } = settings
  const before = preload === undefined ? [] : ['--import', preload]
  const child = spawn(process.execPath, [...before, MAIN, 'vault'], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: settings.database_url,
      COUNTERSIGN_DATA: settings.data_folder,
      COUNTERSIGN_VAULT_KEY: settings.vault_key,
      COUNTERSIGN_PAGE_URL: settings.page_url,
      COUNTERSIGN_VAULT_PORT: '0',
      ...settings.env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said: string[] = []
  const gone = once(child, 'close').then(([code]) => code as number | null)
  const end = (signal: NodeJS.Signals) => endWith(child, signal)
  return {
    url: await readyUrl(child, said, gone),
    said,
    kill: () => end('SIGKILL'),
    gone,
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

async function endWith(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function readyUrl(
  child: ChildProcess,
  said: string[],
  gone: Promise<unknown>,
): Promise<string> {
  if (child.stderr === null) throw new Error('the vault has no standard error')
  const lines = createInterface({ input: child.stderr })
  const ready = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      said.push(line)
      const { url } = line.startsWith('{') ? (JSON.parse(line) as { url?: string }) : {}
      if (url !== undefined) resolve(url)
    })
  })
  const ended = gone.then(() => {
    throw new Error(`the vault did not start:\n${said.join('\n')}`)
  })
  // Once it is ready, its end is for whoever waits for `gone`.
  ended.catch(() => {})
  return await Promise.race([ready, ended])
}
