import Type, { type Static } from 'typebox'
import { Account, ConnectionStatus } from './connections.ts'
import { closed, Id, nullable, ProviderSummary, RuntimeSummary } from './resources.ts'

/** What the vault tells a runtime about itself and, when asked, about one person on it. */
export const RuntimeView = Type.Object(
  {
    runtime: RuntimeSummary,
    /** The address of the pages. */
    page_url: Type.String(),
    providers: Type.Array(ProviderSummary),
    person: nullable(
      Type.Object(
        {
          id: Id,
          name: Type.String(),
          email: Type.String(),
          authorizations: Type.Array(
            Type.Object({ provider_id: Id, status: ConnectionStatus, account: Account }, closed),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
)
export type RuntimeView = Static<typeof RuntimeView>

const Line = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })

/** Which credential is wanted: git-credential(1) names, plus the person to act for. */
export const CredentialRequest = Type.Object(
  {
    /** E-mail address or id of the person who asked for the Git action. */
    person: Line(320),
    protocol: Type.Union([Type.Literal('https'), Type.Literal('http')]),
    /** Host with the port if it is not the protocol's own. */
    host: Line(255),
    path: Type.Optional(Line(1024)),
    /** Seconds the credential should still live; what is available is answered either way. */
    min_ttl: Type.Optional(Type.Integer({ minimum: 0, maximum: 86400 })),
  },
  closed,
)
export type CredentialRequest = Static<typeof CredentialRequest>

export const Credential = Type.Object(
  {
    protocol: Type.String(),
    host: Type.String(),
    username: Type.String(),
    password: Type.String(),
    /** Seconds since the epoch, git-credential(1); null: no end is known. */
    password_expiry_utc: nullable(Type.Integer()),
    account: Type.Object(
      { login: Type.String(), name: Type.String(), email: nullable(Type.String()) },
      closed,
    ),
  },
  closed,
)
export type Credential = Static<typeof Credential>
