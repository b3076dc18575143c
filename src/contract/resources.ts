import Type, { type Static, type TSchema } from 'typebox'
import { ID_PATTERN } from './ids.ts'

export const closed = { additionalProperties: false } as const

export const Id = Type.String({ format: 'uuid', pattern: ID_PATTERN })
/** RFC 3339, UTC, milliseconds. */
export const Timestamp = Type.String({ format: 'date-time' })
/** Neither line breaks and other controls, nor what turns the direction of the words around it. */
const NOT_IN_NAME = '\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}'
const VISIBLE = '\\p{L}\\p{N}\\p{P}\\p{S}'
/**
 * What others read: on one line, with something to see. The first of that can stand in one place of
 * the pattern only: a text without end is no reason to try every other place, too.
 */
export const Name = Type.String({
  minLength: 1,
  maxLength: 80,
  pattern: `^[^${NOT_IN_NAME}${VISIBLE}]*[${VISIBLE}][^${NOT_IN_NAME}]*$`,
})

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** One page of a list. `next_cursor` is null on the last page. */
export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), next_cursor: nullable(Type.String()) }, closed)
}

export const PageQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ maxLength: 400 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 25 })),
    /** Only what contains these words. */
    q: Type.Optional(Type.String({ maxLength: 80 })),
  },
  closed,
)

/** A page of a list in which some things need somebody. */
export const NeedQuery = Type.Object(
  {
    ...PageQuery.properties,
    /** Only where a token fails, or will soon. */
    in_need: Type.Optional(Type.Boolean()),
  },
  closed,
)

export const Role = Type.Union([Type.Literal('admin'), Type.Literal('member')])
export type Role = Static<typeof Role>

export const Person = Type.Object(
  { id: Id, name: Type.String(), email: Type.String(), role: Role, created_at: Timestamp },
  closed,
)
export type Person = Static<typeof Person>

/** Who is looking, and whether anybody has set this installation up yet. */
export const Session = Type.Object(
  {
    person: nullable(Person),
    setup_required: Type.Boolean(),
    version: Type.String(),
  },
  closed,
)
export type Session = Static<typeof Session>

/** What a command line shows and keeps while it waits; names are those of RFC 8628 §3.2. */
export const DeviceSignInCodes = Type.Object(
  {
    device_code: Type.String(),
    user_code: Type.String(),
    verification_uri: Type.String(),
    verification_uri_complete: Type.String(),
    /** Seconds. */
    expires_in: Type.Integer(),
    /** Seconds between two questions. */
    interval: Type.Integer(),
  },
  closed,
)
export type DeviceSignInCodes = Static<typeof DeviceSignInCodes>

/** How far the person is; the words of RFC 8628 §3.5 where there are any. */
export const DeviceSignInProgress = Type.Object(
  {
    status: Type.Union([
      Type.Literal('authorization_pending'),
      Type.Literal('slow_down'),
      Type.Literal('approved'),
    ]),
    /** Seconds to wait before the next question. */
    interval: Type.Integer(),
    /** `csp_…`, once, with `approved`. */
    access_token: nullable(Type.String()),
    expires_at: nullable(Timestamp),
  },
  closed,
)
export type DeviceSignInProgress = Static<typeof DeviceSignInProgress>

/** A command line that asks to be signed in, as the person who has its code sees it. */
export const DeviceSignIn = Type.Object(
  {
    user_code: Type.String(),
    device_name: Type.String(),
    ip: nullable(Type.String()),
    created_at: Timestamp,
    expires_at: Timestamp,
  },
  closed,
)
export type DeviceSignIn = Static<typeof DeviceSignIn>

export const Invite = Type.Object(
  {
    id: Id,
    role: Role,
    /** Set when the invitation is for this address only. */
    email: nullable(Type.String()),
    created_by: nullable(Type.String()),
    created_at: Timestamp,
    expires_at: Timestamp,
  },
  closed,
)
export type Invite = Static<typeof Invite>

export const ProviderKind = Type.Union([
  Type.Literal('github'),
  Type.Literal('gitlab'),
  Type.Literal('bitbucket'),
  Type.Literal('bitbucket-data-center'),
  Type.Literal('gitea'),
  Type.Literal('forgejo'),
  Type.Literal('azure-devops'),
])
export type ProviderKind = Static<typeof ProviderKind>

export const Scope = Type.Object({ scope: Type.String(), reason: Type.String() }, closed)
export type Scope = Static<typeof Scope>

export const ProviderSummary = Type.Object(
  { id: Id, kind: ProviderKind, name: Type.String(), base_url: Type.String() },
  closed,
)
export type ProviderSummary = Static<typeof ProviderSummary>

export const Provider = Type.Object(
  {
    ...ProviderSummary.properties,
    /** An administrator confirmed that this address is inside a private network. */
    private_address_confirmed: Type.Boolean(),
    /** Azure DevOps: where people sign in; null: in any organization. */
    tenant: nullable(Type.String()),
    required_scopes: Type.Array(Scope),
    runtimes: Type.Integer(),
    created_at: Timestamp,
  },
  closed,
)
export type Provider = Static<typeof Provider>

export const RuntimeSummary = Type.Object(
  { id: Id, name: Type.String(), description: Type.String() },
  closed,
)
export type RuntimeSummary = Static<typeof RuntimeSummary>

export const RuntimeKey = Type.Object(
  {
    id: Id,
    /** The last four characters of the secret. */
    hint: Type.String(),
    created_at: Timestamp,
    /** Set once a newer key was made: until then both work. */
    expires_at: nullable(Timestamp),
  },
  closed,
)
export type RuntimeKey = Static<typeof RuntimeKey>

export const Runtime = Type.Object(
  {
    ...RuntimeSummary.properties,
    providers: Type.Array(ProviderSummary),
    keys: Type.Array(RuntimeKey),
    agent: nullable(Type.Object({ seen_at: Timestamp, version: Type.String() }, closed)),
    authorizations: Type.Integer(),
    /** Git hosts whose token of the runtime's own needs an administrator. */
    tokens_in_need: Type.Array(Type.String()),
    /** Git hosts that do not accept the OAuth app by which people authorize this runtime. */
    apps_in_need: Type.Array(Type.String()),
    created_at: Timestamp,
  },
  closed,
)
export type Runtime = Static<typeof Runtime>

export const AuditEntry = Type.Object(
  {
    id: Type.String(),
    at: Timestamp,
    /** The person or runtime that acted, by the name it had then. */
    actor: Type.Object(
      {
        kind: Type.Union([
          Type.Literal('person'),
          Type.Literal('runtime'),
          Type.Literal('vault'),
          Type.Literal('setup'),
        ]),
        name: Type.String(),
      },
      closed,
    ),
    action: Type.String(),
    outcome: Type.Union([Type.Literal('allowed'), Type.Literal('denied')]),
    /** What it was done to, in words. */
    subject: Type.String(),
    reason: nullable(Type.String()),
    ip: nullable(Type.String()),
  },
  closed,
)
export type AuditEntry = Static<typeof AuditEntry>
