import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
} from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** `sun_path` holds 108 bytes on Linux, 104 on macOS, a final NUL among them. */
const MAX_SOCKET_PATH_BYTES = 103

/**
 * A folder that holds one socket and is open to nobody else. Disposal removes both, and nothing else:
 * what somebody else has put there stays.
 */
export interface SocketFolder extends AsyncDisposable {
  socket_path: string
  /**
   * Takes the right to write away, to be called once the socket is bound. Git's `store` starts a
   * cache daemon of its own where the socket does not answer; here it cannot.
   */
  close: () => Promise<void>
  /** What is at `socket_path`, once that was bound. */
  place: () => Promise<SocketPlace>
}

/** The socket that was bound there, nothing, or what somebody else has put there. */
export type SocketPlace = 'ours' | 'gone' | 'taken'

/** The socket's place cannot be used. The message says why, and what to do. */
export class SocketFolderError extends Error {
  override name = 'SocketFolderError'
}

/**
 * A new folder with a name nobody can guess, for one command.
 *
 * @throws {SocketFolderError}
 */
export async function createSocketFolder(): Promise<SocketFolder> {
  // Git may run elsewhere than we do.
  const usual = resolve(tmpdir())
  const parent = fits(join(usual, 'countersign-123456', 'socket')) ? usual : '/tmp'
  try {
    return socketFolder(await mkdtemp(join(parent, 'countersign-')), true)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause
    throw new SocketFolderError(`${parent} cannot be used (${code}): name another in TMPDIR`, {
      cause,
    })
  }
}

/**
 * The folder `name` in `parent`, for an agent whose sockets are always in the same place. What an
 * agent that crashed left there is taken over; a running one is not, nor is a folder with anything
 * else in it.
 *
 * @throws {SocketFolderError}
 */
export async function claimSocketFolder(parent: string, name: string): Promise<SocketFolder> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const real_parent = await realpath(parent)
  await refuseStrangers(real_parent)
  const path = join(real_parent, name)
  const folder = socketFolder(path)
  if (!fits(folder.socket_path)) {
    throw new SocketFolderError(`${folder.socket_path} is too long for a socket: name another`)
  }
  if (await isOurFolder(path)) {
    if (await answers(folder.socket_path)) {
      throw new SocketFolderError(`another agent already answers at ${folder.socket_path}`)
    }
    const clear = await holdsOnlySocket(path).catch((error: unknown) => {
      throw noPlace(folder, error)
    })
    if (!clear) {
      throw new SocketFolderError(`${path} holds other things: name another --socket-folder`)
    }
    await removeLeft(folder)
  }
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? noPlace(folder, error) : error
  })
  return folder
}

/**
 * Removes what a dead agent has left. It is put aside first, which of two only one can do: by now it
 * may be the folder of another agent, who has it back then.
 */
async function removeLeft(folder: SocketFolder): Promise<void> {
  const path = dirname(folder.socket_path)
  const aside = join(dirname(path), `.${randomBytes(3).toString('hex')}`)
  await rename(path, aside).catch((error: unknown) => {
    throw noPlace(folder, error)
  })
  const left = socketFolder(aside, true)
  if (await answers(left.socket_path)) {
    await rename(aside, path)
    throw noPlace(folder, 'EEXIST')
  }
  await left[Symbol.asyncDispose]()
}

/** Of two agents that come to the same place at the same time one finds the other in its way. */
export function noPlace({ socket_path }: SocketFolder, cause: unknown): SocketFolderError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : cause
  // The system says EACCES of a socket whose folder has just gone.
  const sentence = ['EEXIST', 'EADDRINUSE', 'EACCES', 'ENOENT'].includes(String(code))
    ? `another agent takes ${socket_path} at this moment`
    : `${socket_path} cannot be used (${code}): name another --socket-folder`
  return new SocketFolderError(sentence, { cause })
}

/** @param alone nobody else comes to this place; otherwise it is ours once a socket is bound there */
function socketFolder(path: string, alone = false): SocketFolder {
  const socket_path = join(path, 'socket')
  let ours = alone
  let bound: Stats | undefined

  async function place(): Promise<SocketPlace> {
    const found = await lstat(socket_path).catch((error: NodeJS.ErrnoException) => error.code)
    if (found === 'ENOENT' || found === 'ENOTDIR') return 'gone'
    // What cannot be seen may well be there.
    if (typeof found !== 'object') return 'ours'
    return found.ino === bound?.ino && found.dev === bound.dev ? 'ours' : 'taken'
  }

  return {
    socket_path,
    place,
    async close() {
      bound = await lstat(socket_path)
      await chmod(path, 0o500)
      ours = true
    },
    async [Symbol.asyncDispose]() {
      if (!ours) return
      const there = await place()
      if (bound !== undefined && there === 'taken') return
      await chmod(path, 0o700).catch(() => {})
      if (there !== 'gone') await rm(socket_path, { force: true })
      // Gone already, or with something in it that is not ours.
      await rmdir(path).catch(() => {})
    },
  }
}

function fits(socket_path: string): boolean {
  return Buffer.byteLength(socket_path) <= MAX_SOCKET_PATH_BYTES
}

/** Whoever owns a folder may put another one in the place of one in it. */
async function refuseStrangers(folder: string): Promise<void> {
  const { uid } = await lstat(folder)
  if (uid === process.getuid?.() || uid === 0) return
  throw new SocketFolderError(
    `${folder} belongs to another account, which could read along: name another --socket-folder`,
  )
}

/** False when there is nothing; throws when there is something that we did not make. */
async function isOurFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return false
  if (found.isDirectory() && found.uid === process.getuid?.()) return true
  throw new SocketFolderError(`${path} belongs to somebody else: name another --socket-folder`)
}

async function holdsOnlySocket(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true })
  return entries.every((entry) => entry.name === 'socket' && entry.isSocket())
}

function answers(socket_path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket_path, () => {
      connection.destroy()
      resolve(true)
    })
    connection.on('error', () => resolve(false))
  })
}
