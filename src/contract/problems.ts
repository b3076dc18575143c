import Type, { type Static } from 'typebox'

/**
 * Every problem the API can answer with, by type. `status` is the HTTP status, `title` the sentence
 * that is the same every time; `detail`, written where the problem arises, says what to do next.
 * Each type has a section of the same name in `docs/problems.md`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export const problems = {
  'request-invalid': { status: 400, title: 'The request does not have the expected form' },
  'body-too-large': { status: 413, title: 'The request body is too large' },
  'media-type-unsupported': { status: 415, title: 'The request body must be JSON' },
  'request-too-slow': { status: 408, title: 'The request took too long to arrive' },
  'origin-not-allowed': { status: 403, title: 'The request came from another site' },
  'not-signed-in': { status: 401, title: 'You are not signed in' },
  'not-an-administrator': { status: 403, title: 'Only an administrator may do this' },
  'sign-in-failed': { status: 401, title: 'E-mail or password is wrong' },
  'too-many-attempts': { status: 429, title: 'Too many attempts' },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'invite-invalid': { status: 410, title: 'This invitation can no longer be used' },
  'email-taken': { status: 409, title: 'Somebody already uses this e-mail address' },
  'password-wrong': { status: 422, title: 'The current password is wrong' },
  'password-too-weak': { status: 422, title: 'The password is too short' },
  'last-administrator': { status: 409, title: 'The last administrator must stay' },
  'name-taken': { status: 409, title: 'This name is already in use' },
  'provider-address-invalid': { status: 422, title: 'The address is not a usable URL' },
  'provider-address-private': { status: 422, title: 'The address is inside a private network' },
  'provider-address-fixed': { status: 409, title: 'The address can no longer change' },
  'provider-exists': { status: 409, title: 'This Git host is already registered' },
  'provider-not-recognized': { status: 422, title: 'The host answers as something else' },
  'provider-in-use': { status: 409, title: 'This Git host is still in use' },
  'provider-unavailable': { status: 503, title: 'The Git host could not be asked' },
  'provider-not-on-runtime': { status: 409, title: 'This runtime does not use that Git host' },
  'runtime-keys-full': { status: 409, title: 'Two keys are already active' },
  'runtime-key-last': { status: 409, title: 'The only key cannot be revoked' },
  'token-empty': { status: 422, title: 'The token is empty' },
  'token-too-long': { status: 422, title: 'This is too long to be a token' },
  'token-malformed': { status: 422, title: 'This does not look like a token' },
  'token-of-another-provider': { status: 422, title: 'This token belongs to another Git host' },
  'token-scopes-missing': { status: 422, title: 'The token may do too little' },
  'token-scopes-hidden': { status: 422, title: 'The token does not show what it may do' },
  'token-probe-failed': { status: 422, title: 'The token may do too little' },
  'sign-on-required': { status: 422, title: 'Single sign-on stands in the way' },
  'token-rejected': { status: 422, title: 'The Git host does not accept this token' },
  'token-expired': { status: 422, title: 'The token has expired' },
  'account-suspended': { status: 422, title: 'The account at the Git host is suspended' },
  'box-not-authentic': { status: 422, title: 'The sealed token could not be opened' },
  'vault-key-unknown': { status: 409, title: 'The token was sealed to a key that is not in use' },
  'candidate-exists': { status: 409, title: 'This candidate was already sent' },
  'authorization-request-exists': { status: 409, title: 'This authorization was already begun' },
  'client-exists': { status: 409, title: 'An app is registered here already' },
  'connection-not-usable': { status: 409, title: 'This token does not work at present' },
  'token-not-allowed': { status: 409, title: 'This runtime does not take pasted tokens' },
  'oauth-not-offered': { status: 409, title: 'This runtime is authorized with tokens' },
  'client-not-registered': { status: 409, title: 'Git app not registered' },
  'client-secret-needed': { status: 422, title: 'This Git host wants a secret of every app' },
  'client-misconfigured': { status: 422, title: 'The Git app is not set up rightly' },
  'authorization-declined': { status: 422, title: 'You said no at the Git host' },
  'authorization-failed': { status: 422, title: 'The Git host did not complete the authorization' },
  'authorization-request-unknown': { status: 410, title: 'This authorization is not known here' },
  'authorization-request-expired': { status: 410, title: 'The authorization took too long' },
  'scopes-too-few': { status: 422, title: 'These scopes are not enough' },
  'scopes-narrowed': { status: 422, title: 'Less was allowed than is needed' },
  'device-flow-not-offered': { status: 409, title: 'There are no codes at this Git host' },
  'device-code-unknown': { status: 404, title: 'There is no such code' },
  'device-code-expired': { status: 410, title: 'The code was not used in time' },
  'device-sign-in-denied': { status: 403, title: 'The sign-in was turned down' },
  'reauthorization-required': { status: 403, title: 'This must be authorized again' },
  'runtime-key-invalid': { status: 401, title: 'The runtime key is not valid' },
  'host-not-registered': { status: 404, title: 'The runtime does not use this Git host' },
  'authorization-missing': { status: 403, title: 'This person has not authorized this runtime' },
  'runtime-token-missing': { status: 403, title: 'This runtime has no token of its own' },
  'credential-expired': { status: 403, title: 'The token has expired' },
  'credential-rejected': { status: 403, title: 'The Git host no longer accepts the token' },
  'credential-scopes-missing': { status: 403, title: 'The token may do too little' },
  'credential-unreadable': { status: 500, title: 'The stored token could not be opened' },
  'database-unavailable': { status: 503, title: 'The database is away' },
  'internal-error': { status: 500, title: 'Something went wrong here' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemType = keyof typeof problems

const TYPE_PREFIX = 'urn:countersign:problem:'

/** The `type` member of a problem document for `type`. */
export function problemUri(type: ProblemType): string {
  return TYPE_PREFIX + type
}

/** The problem type named by a document's `type` member; undefined when it is not one of ours. */
export function problemType(uri: string): ProblemType | undefined {
  const name = uri.startsWith(TYPE_PREFIX) ? uri.slice(TYPE_PREFIX.length) : ''
  return Object.hasOwn(problems, name) ? (name as ProblemType) : undefined
}

/** A problem document as it crosses the wire, RFC 9457 §3. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    /** Scopes the token lacks, with `token-scopes-missing` and `credential-scopes-missing`. */
    missing_scopes: Type.Optional(Type.Array(Type.String())),
    /** The page where a person can mend this. */
    page: Type.Optional(Type.String()),
    /** Seconds to wait before trying again. */
    retry_after: Type.Optional(Type.Integer()),
    /** The fields of the request that are wrong, as JSON pointers, with a sentence each. */
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() })),
    ),
    /** Names the request in the server's log. */
    instance: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)
export type Problem = Static<typeof Problem>

export type ProblemExtensions = Pick<
  Problem,
  'missing_scopes' | 'page' | 'retry_after' | 'errors' | 'instance'
>

/**
 * The one error that reaches a caller. `detail` is public and says what to do next; what only the
 * log should hold goes into `cause`.
 */
export class ProblemError extends Error {
  readonly type: ProblemType
  readonly status: number
  readonly detail: string
  readonly extensions: ProblemExtensions

  constructor(
    type: ProblemType,
    detail: string,
    options: { cause?: unknown; extensions?: ProblemExtensions } = {},
  ) {
    super(`${type}: ${detail}`, { cause: options.cause })
    this.name = 'ProblemError'
    this.type = type
    this.status = problems[type].status
    this.detail = detail
    this.extensions = options.extensions ?? {}
  }

  /** The document to send, RFC 9457 §3. */
  toProblem(): Problem {
    return {
      type: problemUri(this.type),
      title: problems[this.type].title,
      status: this.status,
      detail: this.detail,
      ...this.extensions,
    }
  }
}
