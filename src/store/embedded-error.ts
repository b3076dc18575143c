export type EmbeddedPostgresErrorCode =
  | 'unsupported-platform'
  | 'no-account'
  | 'unreachable'
  | 'in-use'
  | 'unwritable'
  | 'disk-full'
  | 'incompatible-version'
  | 'failed'

/** Why PostgreSQL did not start. The message names the folder and says what to do. */
export class EmbeddedPostgresError extends Error {
  readonly code: EmbeddedPostgresErrorCode

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EmbeddedPostgresError'
    this.code = code
  }
}

/** Turns a file system error into one that names the folder; anything else passes through. */
export function folderError(folder: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return error
  const reason = String(error.code)
  if (reason === 'ENOSPC' || reason === 'EDQUOT') return diskFull(folder, error)
  const isSpawn = String(error.syscall).startsWith('spawn')
  if (!isSpawn && ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(reason)) {
    return unwritable(folder, reason, error)
  }
  return error
}

/** What the last lines of initdb or postgres say about why it ended. */
export function outputError(folder: string, program: string, lines: string[]): Error {
  const output = lines.join('\n')
  const cause = new Error(output)
  if (/no space left on device|disk quota exceeded|could not extend file/i.test(output))
    return diskFull(folder, cause)
  const refusal = /permission denied|read-only file system/i.exec(output)
  if (refusal !== null) return unwritable(folder, refusal[0].toLowerCase(), cause)
  const version = /initialized by PostgreSQL version (\S+), .* this version ([\d.]+)/.exec(output)
  if (version !== null) {
    const message = `The database in ${folder} was made by PostgreSQL ${version[1]}; this is ${version[2]}. Start the version of Countersign that made it, or move its data with pg_dump.`
    return new EmbeddedPostgresError('incompatible-version', message, { cause })
  }
  const reason = lines.find((line) => /\b(?:PANIC|FATAL|error):/.test(line)) ?? lines.at(-1)
  const message = `PostgreSQL's ${program} ended early in ${folder}: ${reason ?? 'it said nothing'}`
  return new EmbeddedPostgresError('failed', message, { cause })
}

function diskFull(folder: string, cause: unknown): EmbeddedPostgresError {
  const message = `The disk of ${folder} is full. Free some space, then start again.`
  return new EmbeddedPostgresError('disk-full', message, { cause })
}

function unwritable(folder: string, reason: string, cause: unknown): EmbeddedPostgresError {
  const message = `The folder ${folder} cannot be written to (${reason}). Choose another data folder, or change its owner.`
  return new EmbeddedPostgresError('unwritable', message, { cause })
}
