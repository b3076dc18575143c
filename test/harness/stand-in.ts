import type {
  AuthorizationRequest,
  Credential,
  Provider,
  ProviderKind,
} from '../../src/contract/index.ts'
import type { AuthorizationServer } from '../standins/authorization-server.ts'
import type { Client } from '../standins/client.ts'
import type { Forge } from '../standins/stand-in.ts'
import { type Countersign, runtimeClient } from './countersign.ts'
import { beginOAuth, type beginRuntimeOAuth, comeBack } from './oauth.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

interface Settings {
  scopes?: string[]
  skip_validation?: boolean
  probe_repository?: string
}

/** A runtime that people authorize with OAuth2. */
export interface OnStandIn {
  row: Row
  /** The credential that it gets as the administrator. */
  ask(more?: { min_ttl?: number }, vault_url?: string): Promise<Credential>
}

/** A stand-in that is registered as a Git host, with an app. */
export interface RegisteredStandIn {
  provider_id: string
  provider: Provider
  client: Client
  runtime(name: string, settings?: Settings): Promise<OnStandIn>
  /** The whole way, as far as it goes: of the administrator, or as `begin` has it. */
  authorize(row: Row, login?: string, begin?: Begin): Promise<AuthorizationRequest>
}

type Begin = typeof beginOAuth | typeof beginRuntimeOAuth

/** @param more `path` of the Git host's address, and its `name` here */
export async function registerStandIn(
  countersign: Countersign,
  kind: ProviderKind,
  forge: Pick<Forge, 'url'> & { oauth: AuthorizationServer },
  { path = '', name = kind }: { path?: string; name?: string } = {},
): Promise<RegisteredStandIn> {
  const { admin, vault_url } = countersign
  const base_url = forge.url + path
  const provider = await admin.api.createProvider({
    body: { kind, name, base_url, private_address_confirmed: true },
  })
  const provider_id = provider.id
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const client = forge.oauth.registerClient(form.callback_url)
  const { client_id, client_secret } = client
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })
  return {
    provider_id,
    provider,
    client,
    async runtime(runtime_name, settings = {}) {
      const made = await admin.api.createRuntime({
        body: { name: runtime_name, provider_ids: [provider_id] },
      })
      const row = { runtime_id: made.runtime.id, provider_id }
      await admin.api.updateRuntimeProvider({
        params: row,
        body: { auth_mode: 'default_client', ...settings },
      })
      const { host } = new URL(forge.url)
      const body = { person: admin.person.email, protocol: 'http', host } as const
      return {
        row,
        ask: (more = {}, url = vault_url) =>
          runtimeClient(url, made.key).issueCredential({ body: { ...body, ...more } }),
      }
    },
    async authorize(row, login = 'carol', begin = beginOAuth) {
      const { request, authorization_url } = await begin(admin, row)
      forge.oauth.signIn(login)
      const sent = await fetch(authorization_url, { redirect: 'manual' })
      await using events = await admin.events()
      await comeBack(sent.headers.get('location') ?? '', admin.cookie)
      return await events.until(async () => {
        const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
        return now.status === 'exchanging' ? undefined : now
      })
    },
  }
}
