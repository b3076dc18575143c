/**
 * Loaded into a vault before its own code (`node --import`): from its first claim to refresh on, it
 * counts everything that this process does with the network and with its journal, says each on
 * standard error, and kills the process on the spot before number `DIE_AT`, or before whatever comes
 * after the first that the pattern `DIE_AFTER` matches. What a process has done when it dies is
 * exactly what it said but for the last line.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const { DIE_AT, DIE_AFTER } = process.env
const die_at = Number(DIE_AT)
const die_after = DIE_AFTER === undefined ? undefined : new RegExp(DIE_AFTER)
const forge_port = Number(process.env.FORGE_PORT)
const say = fs.writeSync
let steps = 0
let counting = false
let dying = false

function step(what: string): void {
  if (!counting) return
  steps += 1
  say(2, `step ${steps}: ${what}\n`)
  if (dying || steps === die_at) process.kill(process.pid, 'SIGKILL')
  dying = die_after?.test(what) ?? false
}

/** The first words of a message, without what is binary in it. */
function wordsOf(bytes: Buffer): string {
  const words = bytes.toString('latin1').replaceAll(/[^\x20-\x7e]+/g, ' ')
  return words.trim().slice(0, 110)
}

/** Who is at the other end; undefined for those who called us. */
function otherEnd(socket: net.Socket & { server?: unknown }): 'forge' | 'database' | undefined {
  if (socket.server) return undefined
  return socket.remotePort === forge_port ? 'forge' : 'database'
}

/** What the pool and the job queue say on connections of their own, beside any refresh. */
const BESIDE = /graphile_worker|LISTEN|client_encoding|SCRAM|^p |^X/

type Chunk = Buffer | string
interface SocketInside {
  _writeGeneric(writev: boolean, data: Chunk | { chunk: Chunk }[], ...more: unknown[]): void
  push(chunk: Buffer | null): boolean
}

// Node's types do not have these two: they are how every socket writes and reads, inside.
const socket = net.Socket.prototype as unknown as SocketInside
const { _writeGeneric, push } = socket
/** Connections whose next answer is one to a refresh. */
const asked = new WeakSet<object>()

socket._writeGeneric = function (this: net.Socket, writev, data, ...more) {
  const chunks = Array.isArray(data) ? data.map(({ chunk }) => chunk) : [data]
  const words = wordsOf(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))))
  const to = otherEnd(this)
  if (words.includes('update "connections" set "refresh_claimed_by"')) counting = true
  if (to === undefined || BESIDE.test(words)) asked.delete(this)
  else {
    asked.add(this)
    step(`asks the ${to}: ${words}`)
  }
  _writeGeneric.call(this, writev, data, ...more)
}
socket.push = function (this: net.Socket, chunk) {
  if (chunk !== null && asked.has(this)) step(`hears from the ${otherEnd(this)}: ${wordsOf(chunk)}`)
  return push.call(this, chunk)
}

/** The functions of `node:fs` by which a journal is written, each with a path or a descriptor. */
const JOURNAL_CALLS = [
  'openSync',
  'writeSync',
  'fdatasyncSync',
  'fsyncSync',
  'closeSync',
  'renameSync',
  'rmSync',
] as const
const descriptors = new Set<unknown>()
// The types of a module's functions cannot be assigned to; all of them are called alike below.
const calls = fs as unknown as Record<string, (...input: unknown[]) => unknown>
for (const name of JOURNAL_CALLS) {
  const real = calls[name]
  if (real === undefined) throw new Error(`node:fs has no ${name}`)
  calls[name] = (...input) => {
    const [target] = input
    const ours = descriptors.has(target) || String(target).includes('refresh-journal')
    if (ours) step(`journal: ${name}`)
    const result = real(...input)
    if (ours && name === 'openSync') descriptors.add(result)
    if (name === 'closeSync') descriptors.delete(target)
    return result
  }
}
syncBuiltinESMExports()
