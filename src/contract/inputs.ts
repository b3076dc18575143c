import Type from 'typebox'
import { AuthMode } from './connections.ts'
import { Email } from './email.ts'
import { closed, Id, Name, nullable, ProviderKind, Role, Timestamp } from './resources.ts'

const Tenant = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$' })

export const inputs = {
  signIn: Type.Object(
    { email: Type.String({ maxLength: 320 }), password: Type.String({ maxLength: 256 }) },
    closed,
  ),
  updateAccount: Type.Object({ name: Name }, closed),
  changePassword: Type.Object(
    {
      current_password: Type.String({ maxLength: 256 }),
      new_password: Type.String({ maxLength: 256 }),
    },
    closed,
  ),
  acceptInvite: Type.Object(
    {
      token: Type.String({ maxLength: 100 }),
      name: Name,
      email: Email,
      password: Type.String({ maxLength: 256 }),
    },
    closed,
  ),
  createInvite: Type.Object({ role: Role, email: Type.Optional(Email) }, closed),
  createProvider: Type.Object(
    {
      kind: ProviderKind,
      name: Name,
      base_url: Type.String({ minLength: 1, maxLength: 500 }),
      /** Says that an address inside a private network is meant. */
      private_address_confirmed: Type.Optional(Type.Boolean()),
      /** Azure DevOps: id or domain of the Microsoft Entra tenant; absent: any organization. */
      tenant: Type.Optional(Tenant),
    },
    closed,
  ),
  updateProvider: Type.Object(
    {
      name: Type.Optional(Name),
      /** Only while there are neither tokens nor an app for the one before. */
      base_url: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
      /** Says that a new address inside a private network is meant. */
      private_address_confirmed: Type.Optional(Type.Boolean()),
      /** Null: people of any organization sign in. */
      tenant: Type.Optional(nullable(Tenant)),
    },
    closed,
  ),
  createRuntime: Type.Object(
    {
      name: Type.String({
        minLength: 1,
        maxLength: 63,
        pattern: '^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$',
      }),
      description: Type.Optional(Type.String({ maxLength: 400 })),
      provider_ids: Type.Array(Id, { maxItems: 50 }),
    },
    closed,
  ),
  updateRuntime: Type.Object(
    {
      description: Type.Optional(Type.String({ maxLength: 400 })),
      provider_ids: Type.Optional(Type.Array(Id, { maxItems: 50 })),
    },
    closed,
  ),
  createCandidate: Type.Object(
    {
      /** Made by the sender before sealing: the box is bound to it. */
      id: Id,
      runtime_id: Id,
      provider_id: Id,
      /** The token, sealed in place. */
      box: Type.Optional(Type.String({ maxLength: 131072 })),
      /** The token in the clear, for callers that cannot seal; it is sealed on arrival. */
      token: Type.Optional(Type.String({ maxLength: 131072 })),
      /** When the token ends, for providers that do not say. */
      expires_at: Type.Optional(Timestamp),
      notes: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 4 })),
    },
    closed,
  ),
  putClient: Type.Object(
    {
      /** From the form: the box is bound to it. */
      id: Id,
      provider_id: Id,
      runtime_id: Type.Optional(Id),
      client_id: Type.String({ minLength: 1, maxLength: 400, pattern: '^[\\x21-\\x7e]+$' }),
      /** The secret, sealed in place. */
      client_secret_box: Type.Optional(Type.String({ maxLength: 131072 })),
      /** The secret in the clear, for callers that cannot seal; it is sealed on arrival. */
      client_secret: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
      /** In their place: the app is a public client, RFC 6749 §2.1, and has none. */
      public_client: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  updateRuntimeProvider: Type.Object(
    {
      auth_mode: Type.Optional(AuthMode),
      token_allowed: Type.Optional(Type.Boolean()),
      skip_validation: Type.Optional(Type.Boolean()),
      scopes: Type.Optional(
        nullable(
          Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$', maxLength: 200 }), {
            maxItems: 50,
          }),
        ),
      ),
      max_age_days: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 3650 }))),
      warning_days: Type.Optional(Type.Integer({ minimum: 0, maximum: 90 })),
      /** Owner and name, as in the address of the repository: `acme/app`. */
      probe_repository: Type.Optional(
        nullable(
          Type.String({
            // No name is that of a folder itself, nor of the one above it.
            pattern: '^(?!(.*/)?\\.{1,2}(/|$))[^\\s/?#:\\\\]+(/[^\\s/?#:\\\\]+)+$',
            maxLength: 400,
          }),
        ),
      ),
    },
    closed,
  ),
  beginAuthorization: Type.Object(
    {
      /** Made by the page before sealing: the box is bound to it. */
      id: Id,
      runtime_id: Id,
      provider_id: Id,
      /** RFC 6749 §4.1.1: random, known to this browser only. */
      state: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
      /** RFC 7636 §4.2, method S256. */
      code_challenge: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
      /** RFC 7636 §4.1, sealed in place. */
      code_verifier_box: Type.String({ maxLength: 1024 }),
    },
    closed,
  ),
  beginDeviceAuthorization: Type.Object({ runtime_id: Id, provider_id: Id }, closed),
  beginDeviceSignIn: Type.Object(
    {
      /** What the person knows the machine by; shown to them before they approve. */
      device_name: Type.String({
        minLength: 1,
        maxLength: 80,
        pattern: '^ *[\\x21-\\x7e][\\x20-\\x7e]*$',
      }),
    },
    closed,
  ),
  redeemDeviceSignIn: Type.Object({ device_code: Type.String({ maxLength: 100 }) }, closed),
  readDeviceSignIn: Type.Object({ user_code: Type.String({ maxLength: 40 }) }, closed),
  answerDeviceSignIn: Type.Object(
    { user_code: Type.String({ maxLength: 40 }), approved: Type.Boolean() },
    closed,
  ),
  createAuthorization: Type.Object({ runtime_id: Id, provider_id: Id, connection_id: Id }, closed),
}
