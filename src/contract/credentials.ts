import Type, { type Static, type TProperties } from 'typebox'
import { Account, ConnectionStatus } from './connections.ts'
import { closed, Id, nullable, ProviderSummary, RuntimeSummary } from './resources.ts'

/** How a token is that the runtime may use, and whose account it is. */
const TokenOnRuntime = Type.Object(
  { provider_id: Id, status: ConnectionStatus, account: Account },
  closed,
)
export type TokenOnRuntime = Static<typeof TokenOnRuntime>

/** What the vault tells a runtime about itself and, when asked, about one person who authorized it. */
export const RuntimeView = Type.Object(
  {
    runtime: RuntimeSummary,
    /** The address of the pages. */
    page_url: Type.String(),
    providers: Type.Array(ProviderSummary),
    /** The runtime's own tokens, one at a Git host at most. */
    own_tokens: Type.Array(TokenOnRuntime),
    /** Null as well for somebody who has not authorized this runtime. */
    person: nullable(
      Type.Object(
        {
          id: Id,
          name: Type.String(),
          email: Type.String(),
          authorizations: Type.Array(TokenOnRuntime),
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

const origin = {
  protocol: Type.Union([Type.Literal('https'), Type.Literal('http')]),
  /** Host with the port if it is not the protocol's own. */
  host: Line(255),
}

/**
 * A question with git-credential(1) names, plus for whom. Either a person is named, or it is said
 * that the runtime itself is meant: who forgets the person never gets the robot account.
 */
const forSomebody = <const Question extends TProperties>(question: Question) =>
  Type.Union([
    Type.Object(
      {
        /** E-mail address or id of the person who asked for the Git action. */
        person: Line(320),
        ...question,
      },
      closed,
    ),
    Type.Object(
      {
        /** The runtime's own token. */
        as_runtime: Type.Literal(true),
        ...question,
      },
      closed,
    ),
  ])

/** Which credential is wanted. */
export const CredentialRequest = forSomebody({
  ...origin,
  path: Type.Optional(Line(1024)),
  /**
   * Seconds the credential should still live. What is available is answered either way, and
   * `min_ttl_met` says whether it does.
   */
  min_ttl: Type.Optional(Type.Integer({ minimum: 0, maximum: 86400 })),
})
export type CredentialRequest = Static<typeof CredentialRequest>

/** Which repository is asked about. */
export const RepositoryAccessRequest = forSomebody({
  ...origin,
  /** Of the clone address, e.g. `acme/app.git`. */
  path: Line(1024),
})
export type RepositoryAccessRequest = Static<typeof RepositoryAccessRequest>

/** What a person, or the runtime itself, may do with one repository, with the token that this runtime may use. */
export const RepositoryAccess = Type.Object(
  {
    /** Whether the Git host shows it at all; a private one that they have no part in looks like none. */
    visible: Type.Boolean(),
    /** To clone and fetch. */
    read: Type.Boolean(),
    /** To push. */
    write: Type.Boolean(),
    /** Where the person passes their organization's single sign-on, if the host wants that first. */
    sign_on_page: nullable(Type.String()),
  },
  closed,
)
export type RepositoryAccess = Static<typeof RepositoryAccess>

/** For whom Git acts. */
export type ActsFor = { person: string } | { as_runtime: true }

export const Credential = Type.Object(
  {
    protocol: Type.String(),
    host: Type.String(),
    username: Type.String(),
    password: Type.String(),
    /** Seconds since the epoch, git-credential(1); null: no end is known. */
    password_expiry_utc: nullable(Type.Integer()),
    /** Whether it lives for `min_ttl` from now on, as far as an end is known. */
    min_ttl_met: Type.Boolean(),
    account: Type.Object(
      { login: Type.String(), name: Type.String(), email: nullable(Type.String()) },
      closed,
    ),
  },
  closed,
)
export type Credential = Static<typeof Credential>
