import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EmbeddedPostgresError } from './embedded-error.ts'

/** The operating system account that PostgreSQL's programs run as. */
export interface Account {
  /** The owner of what they write; absent when that is simply this process's user. */
  owner: { uid: number; gid: number } | undefined
  /** What to spawn instead of `program args…`. */
  command(program: string, args: string[]): { file: string; args: string[]; options: SpawnAs }
}

interface Identity {
  uid?: number
  gid?: number
}

interface SpawnAs extends Identity {
  cwd: string
  env: NodeJS.ProcessEnv
}

const SETPRIV = '/usr/bin/setpriv'

/**
 * Chooses the account. PostgreSQL refuses to run as root, so root hands over to `postgres`, or to
 * `nobody`. If that account cannot walk to one of `paths` (a clone in `/root`), it gets the one
 * capability that lets it.
 *
 * @throws {EmbeddedPostgresError} `no-account`, `unreachable`
 */
export function chooseAccount(paths: string[]): Account {
  if (process.getuid?.() !== 0) return { owner: undefined, command: commandWith([], {}) }
  const owner = readAccount('postgres') ?? readAccount('nobody')
  if (owner === undefined) {
    const message =
      'PostgreSQL does not run as root. Add a user named postgres, or start as a user.'
    throw new EmbeddedPostgresError('no-account', message)
  }
  const unreachable = paths.find((path) => !canWalkTo(path, owner))
  if (unreachable === undefined) return { owner, command: commandWith([], owner) }
  const capability = hasSetpriv() ? walkingCapability() : undefined
  if (capability === undefined) {
    const message = `PostgreSQL does not run as root, and its own user cannot reach ${unreachable}. Move it out of the private folder, or start as a user.`
    throw new EmbeddedPostgresError('unreachable', message)
  }
  const identity = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups']
  // initdb asks access(2) about its neighbour, which ignores capabilities without this bit.
  const securebits = '--securebits=+no_setuid_fixup'
  const grants = [securebits, `--inh-caps=+${capability}`, `--ambient-caps=+${capability}`]
  return { owner, command: commandWith([...identity, ...grants], {}) }
}

/**
 * Where setpriv exists, it also asks the kernel to shut PostgreSQL down when this process is
 * killed without a chance to do so itself.
 *
 * PostgreSQL gets no environment of ours, which may hold secrets, and a language that
 * {@link file://./embedded-error.ts} can read.
 */
function commandWith(grants: string[], identity: Identity): Account['command'] {
  const { PATH, SYSTEMROOT } = process.env
  const options = { ...identity, cwd: '/', env: { PATH, SYSTEMROOT, LC_ALL: 'C' } }
  if (!hasSetpriv()) return (file, args) => ({ file, args, options })
  const wrapper = ['--pdeathsig=INT', ...grants, '--']
  return (program, args) => ({ file: SETPRIV, args: [...wrapper, program, ...args], options })
}

/** BusyBox has a program of this name that knows none of the options. */
function hasSetpriv(): boolean {
  return existsSync(SETPRIV) && !realpathSync(SETPRIV).includes('busybox')
}

/**
 * Reading past folder permissions suffices; containers often only have the stronger capability.
 *
 * @see https://man7.org/linux/man-pages/man7/capabilities.7.html
 */
function walkingCapability(): string | undefined {
  const permitted = /^CapPrm:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const bits = BigInt(`0x${permitted ?? '0'}`)
  if (bits & (1n << 2n)) return 'dac_read_search'
  if (bits & (1n << 1n)) return 'dac_override'
  return undefined
}

function readAccount(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

function canWalkTo(path: string, { uid, gid }: { uid: number; gid: number }): boolean {
  let folder = realpathSync(path)
  while (folder !== dirname(folder)) {
    folder = dirname(folder)
    if (!mayEnter(folder, uid, gid)) return false
  }
  return !statSync(path).isDirectory() || mayEnter(path, uid, gid)
}

function mayEnter(folder: string, uid: number, gid: number): boolean {
  const stat = statSync(folder)
  const bit = stat.uid === uid ? 0o100 : stat.gid === gid ? 0o010 : 0o001
  return (stat.mode & bit) !== 0
}
