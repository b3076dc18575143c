import type { Outbound } from '../providers/http.ts'
import type { Db } from '../store/database.ts'
import type { Keyring } from './keyring.ts'

/** What the tasks of a vault work with. */
export interface VaultParts {
  db: Db
  keyring: Keyring
  outbound: Outbound
}
