import { access, chmod, constants, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
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
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function sessionPath(env: Environment): string {
  const { XDG_CONFIG_HOME: named = '' } = env
  // The specification has a relative one ignored; it would leave sessions wherever we are run.
  const folder = isAbsolute(named) ? named : configurationFolder()
  return join(folder, 'countersign', 'session.json')
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

/**
 * Makes the folder for a session, before a person goes to the trouble of signing in.
 *
 * @throws {CommandError} exit code 2: it cannot be kept there
 */
export async function makeSessionFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await access(dirname(path), constants.W_OK)
  } catch (error) {
    throw unusable(path, error)
  }
}

/** Keeps a session where only this account can read it. */
export async function writeSession(path: string, session: PersonSession): Promise<void> {
  const draft = `${path}.${process.pid}.new`
  try {
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
