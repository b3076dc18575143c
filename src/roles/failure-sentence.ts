import { ConfigError } from '../config/config-error.ts'
import { ProblemError, problems } from '../contract/index.ts'
import { BoxError } from '../seal/box-error.ts'
import { isDatabaseAway, isFailedTls } from '../store/database.ts'
import { EmbeddedPostgresError } from '../store/embedded-error.ts'
import {
  DataTooNewError,
  DataTooOldError,
  ServerTooOldError,
  SharedDatabaseError,
} from '../store/migrate.ts'
import { SharedSessionsError } from '../store/own-sessions.ts'
import { WrongVaultKeyError } from '../vault/wrong-vault-key-error.ts'

/** One sentence for everything that a person can mend; undefined for our own mistakes. */
export function sentenceFor(error: unknown): string | undefined {
  if (
    error instanceof ConfigError ||
    error instanceof EmbeddedPostgresError ||
    error instanceof WrongVaultKeyError ||
    error instanceof DataTooNewError ||
    error instanceof DataTooOldError ||
    error instanceof ServerTooOldError ||
    error instanceof SharedDatabaseError ||
    error instanceof SharedSessionsError
  ) {
    return error.message
  }
  if (error instanceof ProblemError) return problemSentence(error)
  if (error instanceof BoxError) return 'The vault key is damaged. Restore it from your backup.'
  return fileSentence(error as NodeJS.ErrnoException) ?? databaseSentence(error)
}

/** What is missing is named by its detail. */
function problemSentence({ type, detail }: ProblemError): string {
  return type === 'not-found' ? detail : `${problems[type].title}. ${detail}`
}

function fileSentence({ code, path, syscall }: NodeJS.ErrnoException): string | undefined {
  // Node says ENOENT of the parent when it may not make a folder inside a folder.
  switch (code === 'ENOENT' && syscall === 'mkdir' ? 'EACCES' : code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full. Make room, then start again: nothing was lost.'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return (
        path &&
        `${path} cannot be used by this user, or its file system is read-only. Choose another, or ` +
          'change its owner.'
      )
    case 'EEXIST':
    case 'ENOTDIR':
      return path && `${path} cannot be a folder: a file is in its way.`
    case 'EISDIR':
      return path && `${path} is a folder, and a file is needed there.`
    case 'ENOENT':
      return path && `${path} does not exist.`
    default:
      return undefined
  }
}

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
function databaseSentence(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case '28000':
    case '28P01':
      return 'The database server does not accept the user and password in DATABASE_URL.'
    case '3D000':
      return 'The database named in DATABASE_URL does not exist. Create it, or correct the name.'
    case '42501':
      return 'The user in DATABASE_URL may not make tables in that database. Let it own them.'
    case '25006':
      return 'The database takes no changes: it is a standby, or set to read only. Name its primary in DATABASE_URL.'
    // A pooler's word for most of what it turns down: a database, a user, an option.
    case '08P01':
      return turnedDown(error as Error)
    case '53300':
      return 'The database server has no connection left for us. Let it take more (max_connections).'
    case '55P03':
      return 'Something has the tables in use for long, such as a backup. Try again when it is done: nothing was changed.'
    case '53100':
      return 'The disk of the database is full. Make room, then start again: nothing was lost.'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'The host in DATABASE_URL is not known. Correct the address.'
    default:
      if (isFailedTls(error)) {
        const [reason] = (error as Error).message.split('\n')
        return `There is no trusted TLS connection to the database (${reason}). See sslmode and sslrootcert in docs/administration.md.`
      }
      if (isDatabaseAway(error)) {
        return 'The database does not answer. Start it, or correct DATABASE_URL.'
      }
      // That of a connection which is not made, for an option for example.
      return (error as { severity?: unknown }).severity === 'FATAL'
        ? turnedDown(error as Error)
        : undefined
  }
}

function turnedDown({ message }: Error): string {
  return `The database server, or a pooler before it, turns us down: ${message}. Correct DATABASE_URL.`
}
