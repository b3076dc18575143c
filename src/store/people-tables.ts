import type { Generated } from 'kysely'
import type { Role } from '../contract/index.ts'
import type { CreatedAt, Instant, InstantOrNull, OrNull } from './columns.ts'

// People, their sessions, and how they sign in. `tables.ts` puts all tables together.

export interface PeopleTable {
  id: Generated<string>
  name: string
  email: string
  email_verified: Generated<boolean>
  image: Generated<string | null>
  role: Role
  created_at: CreatedAt
  updated_at: Generated<Date>
}

export interface SessionsTable {
  id: Generated<string>
  token: string
  person_id: string
  expires_at: Instant
}

export interface LoginsTable {
  id: Generated<string>
  person_id: string
  provider_id: string
  account_id: string
  /** scrypt hash. */
  password: string | null
}

/** A command line that waits for somebody to let it sign in. */
export interface DeviceSignInsTable {
  id: Generated<string>
  device_code_hash: Buffer
  user_code_hash: Buffer
  device_name: string
  ip: string | null
  status: Generated<'pending' | 'approved' | 'denied'>
  /** Who answered. */
  person_id: OrNull<string>
  /** Seconds. */
  poll_interval: number
  polled_at: InstantOrNull
  created_at: CreatedAt
  expires_at: Instant
}

/** A person's session on a command line. */
export interface PersonTokensTable {
  id: Generated<string>
  hash: Buffer
  person_id: string
  device_name: string
  created_at: CreatedAt
  expires_at: Instant
}

/** Attempts that are counted, by whom or what. */
export interface RateLimitsTable {
  id: Generated<string>
  key: string
  count: number
  /** When counting begins anew, in milliseconds since the epoch. */
  last_request: string | number
}

export interface InvitesTable {
  id: Generated<string>
  token_hash: Buffer
  role: Role
  email: string | null
  created_by: string | null
  created_at: CreatedAt
  expires_at: Instant
}
