import type { ColumnType, Generated, GeneratedAlways } from 'kysely'
import type {
  AuthMode,
  AuthorizationRequest,
  NoticeKind,
  Problem,
  ProviderKind,
} from '../contract/index.ts'
import type { CreatedAt, Instant, InstantOrNull, OrNull } from './columns.ts'
import type {
  DeviceSignInsTable,
  InvitesTable,
  LoginsTable,
  PeopleTable,
  PersonTokensTable,
  RateLimitsTable,
  SessionsTable,
} from './people-tables.ts'

/** Statuses that are stored; `expiring` and `expired` follow from `expires_at` when read. */
export type StoredStatus =
  | 'valid'
  | 'unverified'
  | 'insufficient_scopes'
  | 'rejected'
  | 'reauthorization_required'

/** What a token that hides its scopes may do with the repository that it was tried on. */
export type ProbeOutcome = 'proved' | 'read_only' | 'unreadable' | 'not_visible'
/** `not_tried`: it must be, before the runtime may use the token. */
export type StoredProbeOutcome = ProbeOutcome | 'not_tried'

export interface ProvidersTable {
  id: Generated<string>
  kind: ProviderKind
  name: string
  base_url: string
  /** Scheme, host and port of `base_url`: what Git asks a credential for. */
  origin: string
  private_address_confirmed: boolean
  /** Microsoft Entra's: where people sign in; null: in any organization. */
  tenant: OrNull<string>
  created_at: CreatedAt
}

export interface VaultKeysTable {
  key_id: string
  public_key: string
  created_at: CreatedAt
}

export interface RuntimesTable {
  id: Generated<string>
  name: string
  /** What sorts them by name: *runner-2* comes before *runner-11*. */
  natural_order: GeneratedAlways<string>
  description: string
  agent_seen_at: InstantOrNull
  agent_version: string | null
  created_at: CreatedAt
}

export interface RuntimeKeysTable {
  id: Generated<string>
  runtime_id: string
  hash: Buffer
  hint: string
  created_at: CreatedAt
  expires_at: InstantOrNull
}

export interface RuntimeProvidersTable {
  runtime_id: string
  provider_id: string
  auth_mode: Generated<AuthMode>
  token_allowed: Generated<boolean>
  skip_validation: Generated<boolean>
  scopes: OrNull<string[]>
  max_age_days: OrNull<number>
  warning_days: Generated<number>
  /** On which tokens are tried that do not show their scopes, e.g. `acme/app`. */
  probe_repository: OrNull<string>
}

export interface ClientsTable {
  id: string
  provider_id: string
  /** Null: the provider's default. */
  runtime_id: string | null
  client_id: string
  /** Null: a public client, which has no secret. */
  client_secret_box: string | null
  test_at: InstantOrNull
  test_outcome: 'passed' | 'failed' | 'not_proved' | null
  test_detail: string | null
  created_at: CreatedAt
  updated_at: Generated<Date>
}

/** Who a token belongs to: a person, or a runtime whose own it is. */
export type OwnerKind = 'person' | 'runtime'

export interface ConnectionsTable {
  id: string
  owner_id: string
  owner_kind: Generated<OwnerKind>
  /** The owner, when it is a person. */
  person_id: GeneratedAlways<string | null>
  /** The owner, when it is a runtime. */
  runtime_id: GeneratedAlways<string | null>
  provider_id: string
  box: string
  /** HMAC of the token under a key only vaults have: the same token is recognized, not readable. */
  fingerprint: Buffer
  /** Grows with every change of the token set. */
  version: Generated<number>
  status: StoredStatus
  method: Generated<'oauth' | 'token'>
  /** The OAuth2 app that the grant belongs to; null for a token, or when the app was removed. */
  client_row_id: OrNull<string>
  /** The grant came by device flow, so that its refreshes identify the app as that flow does. */
  device_flow: Generated<boolean>
  /** What the grant was asked for; null for a token, and for grants from before this was kept. */
  requested_scopes: OrNull<string[]>
  /** Where its code was sent to; null for a token, and for grants from before this was kept. */
  redirect_uri: OrNull<string>
  /** The app of the grant, where another one is registered in its place now. */
  former_client_id: OrNull<string>
  /** Null: also of a public client, which had none. */
  former_client_secret_box: OrNull<string>
  account_id: string
  account_login: string
  account_name: string
  account_email: string | null
  account_avatar_url: string | null
  scopes: string[]
  missing_scopes: string[]
  /** When nothing more can be done with the token set: no refresh either. */
  expires_at: InstantOrNull
  access_issued_at: InstantOrNull
  /** When the access token of an OAuth2 grant ends; a refresh gives the next one. */
  access_expires_at: InstantOrNull
  refresh_due_at: InstantOrNull
  check_due_at: InstantOrNull
  /** When time changes what its owner is told next. */
  notice_due_at: InstantOrNull
  refresh_claimed_by: OrNull<string>
  refresh_claimed_at: InstantOrNull
  refresh_failures: Generated<number>
  /** The last refresh, if it failed, and how; a grant that is over has its status. */
  refresh_failed_at: InstantOrNull
  refresh_failure: OrNull<'misconfigured' | 'unavailable'>
  checked_at: InstantOrNull
  check_requested_at: InstantOrNull
  check_failed_at: InstantOrNull
  check_failed_reason: string | null
  /** A runtime's own: the repository on which it was tried; null: it was not. */
  probed_repository: OrNull<string>
  probe_outcome: OrNull<ProbeOutcome>
  created_at: CreatedAt
}

export interface AuthorizationsTable {
  id: Generated<string>
  owner_id: string
  runtime_id: string
  provider_id: string
  connection_id: string
  created_at: CreatedAt
  authorized_at: Generated<Date>
  /** When the person must authorize again, where an administrator set a limit. */
  expires_at: InstantOrNull
  /** The notice that the person has hidden for this runtime. */
  hidden_notice_id: OrNull<string>
  /** The repository on which the token was tried for this runtime; null: it was not. */
  probed_repository: OrNull<string>
  probe_outcome: OrNull<StoredProbeOutcome>
}

/** Something that the owner of a connection is told of: one row for each time it happens. */
export interface NoticesTable {
  id: Generated<string>
  connection_id: string
  /** Set when it is about one authorization, and not about the token. */
  authorization_id: string | null
  kind: NoticeKind
  /** What makes it the same: the version, the end, or the scopes that it is about. */
  event: string
  created_at: CreatedAt
  /** When it was no longer so. */
  ended_at: InstantOrNull
}

/**
 * Grants that nothing uses any more, until the provider has been told. The rows are written by
 * triggers when a connection or a request goes, with the client as it was then.
 */
export interface RevocationsTable {
  id: Generated<string>
  /** Of the row that its box is sealed for. */
  row_id: string
  /** The connection that it was, of which there is one, with its newest tokens; null for any other. */
  connection_id: ColumnType<string | null, string | null | undefined, never>
  /** Of a connection's token sets, which one its box holds; null: not known. */
  version: OrNull<number>
  owner_id: string
  owner_kind: Generated<OwnerKind>
  provider_id: string
  client_row_id: string
  client_id: string
  client_secret_box: string | null
  account_login: string
  box: string
  /** When the provider was last told in vain, and why. */
  failed_at: InstantOrNull
  failure: OrNull<string>
  created_at: CreatedAt
}

export interface AuthorizationRequestsTable {
  id: string
  flow: Generated<'code' | 'device'>
  state_hash: ColumnType<Buffer | null, Buffer | undefined, never>
  session_hash: ColumnType<Buffer | null, Buffer | undefined, never>
  /** Who began it. */
  owner_id: string
  /** What is granted becomes the runtime's own. */
  for_runtime: Generated<boolean>
  runtime_id: string
  provider_id: string
  client_row_id: string
  redirect_uri: string
  scopes: string[]
  code_verifier_box: OrNull<string>
  code_box: OrNull<string>
  /** By device flow, while the provider is being asked; the other parts are for the person. */
  device_code_box: OrNull<string>
  user_code: OrNull<string>
  verification_uri: OrNull<string>
  verification_uri_complete: OrNull<string>
  /** Seconds. */
  poll_interval: OrNull<number>
  next_poll_at: InstantOrNull
  /** What the exchange gave, kept until the account has been looked at. */
  token_set_box: OrNull<string>
  status: Generated<AuthorizationRequest['status']>
  confirmed: Generated<boolean>
  account_before: OrNull<string>
  account_after: OrNull<string>
  problem: ColumnType<Problem | null, string | null | undefined, string | null>
  ip: string | null
  created_at: CreatedAt
  expires_at: Instant
}

export interface CandidatesTable {
  id: string
  /** Who handed it in. */
  owner_id: string
  /** It is to become the runtime's own. */
  for_runtime: Generated<boolean>
  runtime_id: string
  provider_id: string
  box: string | null
  status: Generated<'checking' | 'accepted' | 'refused' | 'not_checked'>
  notes: string[]
  problem: ColumnType<Problem | null, string | null | undefined, string | null>
  stated_expires_at: InstantOrNull
  ip: string | null
  created_at: CreatedAt
  finished_at: InstantOrNull
}

/** Of what a provider is asked: providers count their token endpoint apart from their API. */
export type PaceLane = 'tokens' | 'checks'

/** How fast all vaults together ask one provider. Empty after a crash, which forgets no token. */
export interface ProviderPacesTable {
  provider_id: string
  lane: PaceLane
  /** When the next call may begin if no burst is allowed. */
  free_at: Instant
  /** The provider asked us to stay away until then. */
  paused_until: InstantOrNull
  /** How many times slower than usual, as of `slowed_at`. */
  slowness: Generated<number>
  slowed_at: InstantOrNull
}

/** A vault's worker of jobs. While it lives it holds an advisory lock on its id. */
export interface JobWorkersTable {
  id: string
  started_at: CreatedAt
}

export interface AuditTable {
  id: GeneratedAlways<string>
  at: CreatedAt
  actor_kind: 'person' | 'runtime' | 'vault' | 'setup'
  actor_id: string | null
  actor_name: string
  action: string
  outcome: 'allowed' | 'denied'
  subject: string
  reason: string | null
  ip: string | null
  owner_id: string | null
  runtime_id: string | null
  connection_id: string | null
}

export interface Tables {
  people: PeopleTable
  sessions: SessionsTable
  logins: LoginsTable
  device_sign_ins: DeviceSignInsTable
  person_tokens: PersonTokensTable
  rate_limits: RateLimitsTable
  invites: InvitesTable
  providers: ProvidersTable
  provider_paces: ProviderPacesTable
  vault_keys: VaultKeysTable
  runtimes: RuntimesTable
  runtime_keys: RuntimeKeysTable
  runtime_providers: RuntimeProvidersTable
  connections: ConnectionsTable
  authorizations: AuthorizationsTable
  notices: NoticesTable
  clients: ClientsTable
  revocations: RevocationsTable
  authorization_requests: AuthorizationRequestsTable
  candidates: CandidatesTable
  job_workers: JobWorkersTable
  audit: AuditTable
}
