import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What a process must keep to itself. Never part of `Config`, so never logged with it. */
export interface ServerSecrets {
  /** Signs session cookies and hashes user codes; the same in every server process. */
  session_secret: string
}

/**
 * The text in `file`, or, if there is none, what `make` gives, written there first (mode 0600,
 * flushed to disk with its folder, moved into place whole). Two processes that start at once agree on one value.
 */
export async function readOrCreateSecret(
  file: string,
  make: () => Promise<string>,
): Promise<string> {
  const kept = await readSecret(file)
  if (kept !== undefined) return kept
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await using handle = await open(draft, 'wx', 0o600)
    await handle.writeFile(`${await make()}\n`)
    await handle.sync()
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(dirname(file))
  return (await readSecret(file)) as string
}

/** The text in `file`; undefined when there is none. */
export async function readSecret(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Has the names in a folder outlive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder)
  await handle.sync()
}

/** 256 random bits as text. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}
