import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Environment } from './child-environment.ts'
import { homeFolder } from './home-folder.ts'
import { CommandError, exitCodes } from './terminal.ts'

/** A person's session on this command line, as its file keeps it. */
export interface PersonSession {
  server_url: string
  /** `csp_…` */
  token: string
}

/**
 * Where the session is kept, below the person's configuration.
 *
 * @throws {CommandError} exit code 2: this account has no place for it
 */
export function sessionPath(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || configurationFolder(), 'countersign', 'session.json')
}

function configurationFolder(): string {
  const home = homeFolder()
  if (home !== undefined) return join(home, '.config')
  throw new CommandError(
    'this account has no home to keep your session in: name a folder in XDG_CONFIG_HOME',
    exitCodes.usage,
  )
}

/** The session that is kept; undefined when there is none that can be used. */
export async function readSession(path: string): Promise<PersonSession | undefined> {
  let kept: Partial<PersonSession>
  try {
    kept = { ...JSON.parse(await readFile(path, 'utf8')) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (error instanceof SyntaxError || code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unusable(path, error)
  }
  const { server_url, token } = kept
  return typeof server_url === 'string' && typeof token === 'string'
    ? { server_url, token }
    : undefined
}

/** Keeps a session where only this account can read it. */
export async function writeSession(path: string, session: PersonSession): Promise<void> {
  const draft = `${path}.${process.pid}.new`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    {
      await using file = await open(draft, 'w', 0o600)
      await file.writeFile(`${JSON.stringify(session, null, 2)}\n`)
    }
    await chmod(draft, 0o600)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw unusable(path, error)
  }
}

export async function removeSession(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: unknown) => {
    throw unusable(path, error)
  })
}

function unusable(path: string, cause: unknown): CommandError {
  const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''
  return new CommandError(`${path} cannot be used${code}.`, exitCodes.usage, { cause })
}
