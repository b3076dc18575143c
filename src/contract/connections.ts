import Type, { type Static } from 'typebox'
import { Problem } from './problems.ts'
import {
  closed,
  Id,
  nullable,
  ProviderSummary,
  RuntimeSummary,
  Scope,
  Timestamp,
} from './resources.ts'

export const Account = Type.Object(
  {
    login: Type.String(),
    name: Type.String(),
    email: nullable(Type.String()),
    /** Served from here, never from the Git host. */
    avatar_url: nullable(Type.String()),
  },
  closed,
)
export type Account = Static<typeof Account>

/** How people authorize a runtime at a provider, as an administrator chose. */
export const AuthMode = Type.Union([
  Type.Literal('default_client'),
  Type.Literal('custom_client'),
  Type.Literal('token'),
])
export type AuthMode = Static<typeof AuthMode>

/** Whether a person can authorize with OAuth2: yes, not yet (no client), or not meant to. */
export const OAuthOffer = Type.Union([
  Type.Literal('ready'),
  Type.Literal('client_not_registered'),
  Type.Literal('not_offered'),
])
export type OAuthOffer = Static<typeof OAuthOffer>

/** How people authorize one runtime at one of its providers. */
export const RuntimeProviderSettings = Type.Object(
  {
    provider: ProviderSummary,
    auth_mode: AuthMode,
    /** Whether a client for this mode is registered; true for `token`. */
    client_registered: Type.Boolean(),
    /** Whether a token may be pasted where OAuth2 is the mode. */
    token_allowed: Type.Boolean(),
    /** Whether tokens that do not show their scopes are accepted, as `unverified`. */
    skip_validation: Type.Boolean(),
    /** Scopes to ask for; null: those that the provider's kind needs. */
    scopes: nullable(Type.Array(Type.String())),
    /** Days after which a person must authorize again; null: no limit. */
    max_age_days: nullable(Type.Integer()),
    /** Days before its end from which a token counts as `expiring`. */
    warning_days: Type.Integer(),
    /** On which tokens are tried that do not show their scopes, e.g. `acme/app`; null: on none. */
    probe_repository: nullable(Type.String()),
  },
  closed,
)
export type RuntimeProviderSettings = Static<typeof RuntimeProviderSettings>

/** An OAuth2 app registered at a provider. Its secret never leaves the vault. */
export const OAuthClient = Type.Object(
  {
    id: Id,
    provider: ProviderSummary,
    /** The runtime whose own it is; null: the provider's default. */
    runtime: nullable(RuntimeSummary),
    client_id: Type.String(),
    /** It has no secret, RFC 6749 §2.1. */
    public_client: Type.Boolean(),
    created_at: Timestamp,
    updated_at: Timestamp,
    /** What the last test found. */
    test: nullable(
      Type.Object(
        {
          at: Timestamp,
          outcome: Type.Union([
            Type.Literal('passed'),
            Type.Literal('failed'),
            Type.Literal('not_proved'),
          ]),
          detail: Type.String(),
        },
        closed,
      ),
    ),
  },
  closed,
)
export type OAuthClient = Static<typeof OAuthClient>

export const ConnectionStatus = Type.Union([
  Type.Literal('checking'),
  Type.Literal('valid'),
  Type.Literal('expiring'),
  Type.Literal('expired'),
  Type.Literal('insufficient_scopes'),
  Type.Literal('rejected'),
  Type.Literal('reauthorization_required'),
  Type.Literal('unverified'),
])
export type ConnectionStatus = Static<typeof ConnectionStatus>

/** Whether a token with this status is handed out. While it is being checked, nobody can say. */
export function isUsable(status: ConnectionStatus | undefined): boolean {
  return status === 'valid' || status === 'expiring' || status === 'unverified'
}

export const Connection = Type.Object(
  {
    id: Id,
    provider_id: Id,
    method: Type.Union([Type.Literal('oauth'), Type.Literal('token')]),
    status: ConnectionStatus,
    /** One sentence: why the status is what it is. */
    reason: Type.String(),
    account: Account,
    scopes: Type.Array(Type.String()),
    missing_scopes: Type.Array(Type.String()),
    /** The repository on which it was tried for this runtime, as it does not show its scopes. */
    probed_repository: nullable(Type.String()),
    /** Null: the token does not end, or nobody knows when. */
    expires_at: nullable(Timestamp),
    /** The last time the Git host answered about this token. */
    checked_at: nullable(Timestamp),
    /** The last check that got no answer, if it is newer than `checked_at`. */
    check_failed: nullable(Type.Object({ at: Timestamp, reason: Type.String() }, closed)),
    created_at: Timestamp,
    /** All runtimes that use it. */
    runtimes: Type.Array(RuntimeSummary),
  },
  closed,
)
export type Connection = Static<typeof Connection>

export const NoticeKind = Type.Union([
  Type.Literal('expiring'),
  Type.Literal('expired'),
  Type.Literal('insufficient_scopes'),
  Type.Literal('rejected'),
  Type.Literal('reauthorization_required'),
])
export type NoticeKind = Static<typeof NoticeKind>

/** Something that a person is told of once, until it is over. */
export const Notice = Type.Object(
  {
    id: Id,
    kind: NoticeKind,
    created_at: Timestamp,
    /** The person has hidden it for this runtime; the next one shows again. */
    hidden: Type.Boolean(),
  },
  closed,
)
export type Notice = Static<typeof Notice>

export const Authorization = Type.Object(
  {
    id: Id,
    created_at: Timestamp,
    /** When the person must authorize again, where an administrator set a limit. */
    expires_at: nullable(Timestamp),
    connection: Connection,
    /** What needs the person now; null: nothing. */
    notice: nullable(Notice),
  },
  closed,
)
export type Authorization = Static<typeof Authorization>

/** One row of *Git Personal Access Tokens*: a runtime, a provider it uses, and what this person allowed. */
export const Access = Type.Object(
  {
    runtime: RuntimeSummary,
    provider: ProviderSummary,
    oauth: OAuthOffer,
    token_allowed: Type.Boolean(),
    authorization: nullable(Authorization),
  },
  closed,
)
export type Access = Static<typeof Access>

/** A token that was handed in and is being held against what the runtime's provider requires. */
export const Candidate = Type.Object(
  {
    id: Id,
    runtime_id: Id,
    provider_id: Id,
    status: Type.Union([
      Type.Literal('checking'),
      Type.Literal('accepted'),
      Type.Literal('refused'),
      /** The Git host gave no answer: nothing was changed. */
      Type.Literal('not_checked'),
    ]),
    /** What was tidied before the check, in sentences ("Spaces around the token were removed."). */
    notes: Type.Array(Type.String()),
    problem: nullable(Problem),
    created_at: Timestamp,
  },
  closed,
)
export type Candidate = Static<typeof Candidate>

/** An OAuth2 authorization that a person has begun. */
export const AuthorizationRequest = Type.Object(
  {
    id: Id,
    runtime_id: Id,
    provider_id: Id,
    status: Type.Union([
      /** The person is at the provider. */
      Type.Literal('pending'),
      /** They came back; the code is being exchanged and the account looked at. */
      Type.Literal('exchanging'),
      /** Another account than before: nothing changes until they confirm. */
      Type.Literal('account_changed'),
      Type.Literal('completed'),
      Type.Literal('refused'),
    ]),
    problem: nullable(Problem),
    /** Logins, with `account_changed`. */
    account_before: nullable(Type.String()),
    account_after: nullable(Type.String()),
    /** By device flow: what to show the person, once the provider has said it, while they may use it. */
    device: nullable(
      Type.Object(
        {
          user_code: Type.String(),
          verification_uri: Type.String(),
          verification_uri_complete: nullable(Type.String()),
          expires_at: Timestamp,
        },
        closed,
      ),
    ),
    created_at: Timestamp,
  },
  closed,
)
export type AuthorizationRequest = Static<typeof AuthorizationRequest>

export const VaultPublicKey = Type.Object(
  { key_id: Type.String(), public_key: Type.String() },
  closed,
)

/** What a token must be like, where to make it, and all that sealing it in place needs. */
const newToken = {
  /** Whose the token will be: boxes are bound to it. */
  owner_id: Id,
  vault_key: VaultPublicKey,
  required_scopes: Type.Array(Scope),
  /** What the runtime may do with an OAuth2 authorization: the scopes that will be asked for. */
  requested_scopes: Type.Array(Scope),
  token_page: Type.Object(
    {
      url: Type.String(),
      /** Whether the page opens with the scopes chosen. */
      scopes_filled_in: Type.Boolean(),
    },
    closed,
  ),
  /** On which a token is tried that does not show its scopes; null: on none. */
  probe_repository: nullable(Type.String()),
  /** How what a person made or granted at the Git host ends there. */
  revocation: Type.Object(
    {
      /** Where a person ends tokens that they made. */
      token_page: Type.String(),
      /** Where a person ends what they granted to an OAuth2 app. */
      grant_page: Type.String(),
      /** Whether a grant that nothing uses any more is revoked for them. */
      grants_revoked: Type.Boolean(),
    },
    closed,
  ),
}

/** All that the *Add Token* panel shows and needs to seal a token in place. */
export const AccessDetail = Type.Object(
  {
    ...Access.properties,
    ...newToken,
    /** Who can register the OAuth2 app, where none is: names and e-mail addresses. */
    administrators: Type.Array(Type.Object({ name: Type.String(), email: Type.String() }, closed)),
    /**
     * This person's working tokens for the provider that the row does not use yet, or of which the
     * authorization comes to its limit soon, or has.
     */
    reusable_connections: Type.Array(Connection),
  },
  closed,
)
export type AccessDetail = Static<typeof AccessDetail>

/** A Git host that a runtime uses, and the runtime's own token there: the robot account. */
export const RuntimeToken = Type.Object(
  {
    runtime: RuntimeSummary,
    provider: ProviderSummary,
    oauth: OAuthOffer,
    token_allowed: Type.Boolean(),
    connection: nullable(Connection),
  },
  closed,
)
export type RuntimeToken = Static<typeof RuntimeToken>

/** The same, with all that is needed to give the runtime a token of its own, or another one. */
export const RuntimeTokenDetail = Type.Object({ ...RuntimeToken.properties, ...newToken }, closed)
export type RuntimeTokenDetail = Static<typeof RuntimeTokenDetail>
