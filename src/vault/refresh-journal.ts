import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { AskedGrant } from './refresh-claim.ts'

/** An answer of a token endpoint that is not in the database yet. */
export interface JournalEntry {
  connection_id: string
  /** Of the token set that was refreshed: the answer is the next one. */
  version: number
  /**
   * As it was when it was asked for: by the time it is read, the database may know nothing of it.
   * Absent in what an earlier version wrote.
   */
  grant?: AskedGrant
  /** When it was asked for, by the database's clock, in milliseconds since the epoch. */
  asked_at: number
  /** The answer's body, as it came. */
  answer: string
}

/** Which token set an answer follows. */
export type JournalPlace = Pick<JournalEntry, 'connection_id' | 'version'>

/** A file that is not whole, was sealed to another key, or cannot be read. */
export interface DamagedFile extends JournalPlace {
  file: string
  /** Why it cannot be read, which may pass; absent when it was, and does not open. */
  cause?: unknown
}

/**
 * Keeps rotated tokens safe between the moment they arrive and the moment the database has them.
 * Writing is one synchronous step from memory to disk: nothing else of this process runs between.
 */
export interface RefreshJournal {
  write(entry: JournalEntry): void
  remove(entry: JournalPlace): void
  /** The answer that follows this version, if it is here. @throws when there is one that cannot be read */
  find(place: JournalPlace): JournalEntry | undefined
  /** What earlier processes, or this one, could not bring into the database. */
  pending(): (JournalEntry | DamagedFile)[]
  /** How many answers are here, readable or not; NaN while the disk cannot be read. */
  count(): number
}

/** Encrypts and decrypts at once, without waiting. */
export interface SyncSeal {
  sealNow(text: string): Buffer
  openNow(sealed: Buffer): string | undefined
}

/**
 * Opens the journal in `folder`: one file for each answer, named by what it belongs to, so that
 * several processes may share a folder and one answer is never there twice.
 */
export function openRefreshJournal(folder: string, seal: SyncSeal): RefreshJournal {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const fileOf = ({ connection_id, version }: JournalPlace) =>
    join(folder, `${connection_id}.${version}`)

  return {
    write(entry) {
      const sealed = seal.sealNow(JSON.stringify(entry))
      // At once under its own name: a file that is not whole does not open, and counts for nothing.
      const descriptor = openSync(fileOf(entry), 'w', 0o600)
      try {
        writeFileSync(descriptor, sealed)
        fdatasyncSync(descriptor)
      } finally {
        closeSync(descriptor)
      }
      syncFolder(folder)
    },
    remove: (place) => rmSync(fileOf(place), { force: true }),
    find: (place) => readEntry(fileOf(place), seal) ?? undefined,
    pending: () =>
      namesIn(folder).flatMap((name) => {
        const damaged = { ...placeOf(name), file: join(folder, name) }
        try {
          const entry = readEntry(damaged.file, seal)
          return entry === null ? damaged : (entry ?? [])
        } catch (cause) {
          return { ...damaged, cause }
        }
      }),
    count() {
      try {
        return namesIn(folder).length
      } catch {
        return Number.NaN
      }
    },
  }
}

/** Folders, links and whatever else is no file are not ours. */
function namesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f-]{36}\.\d+$/.test(entry.name))
    .map(({ name }) => name)
}

function placeOf(name: string): JournalPlace {
  const [connection_id = '', version] = name.split('.')
  return { connection_id, version: Number(version) }
}

/**
 * Another process may bring the answer home, and remove its file, at any moment.
 *
 * @returns undefined: there is none; null: it does not open
 */
function readEntry(file: string, seal: SyncSeal): JournalEntry | null | undefined {
  try {
    if (!lstatSync(file).isFile()) return undefined
    const text = seal.openNow(readFileSync(file))
    return text === undefined ? null : (JSON.parse(text) as JournalEntry)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
