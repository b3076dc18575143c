import type { Provider } from '../../src/contract/index.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { readTokenSet, type TokenSet } from '../../src/vault/token-set.ts'
import type { Client } from '../standins/client.ts'
import { type GitlabStandIn, startGitlab } from '../standins/gitlab/gitlab.ts'
import { type Countersign, startCountersign } from './countersign.ts'
import { beginOAuth, beginRuntimeOAuth, comeBack } from './oauth.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/** Countersign with a stand-in for GitLab, which ends grants when it is told to, and an app there. */
export interface WithGitlab extends AsyncDisposable {
  countersign: Countersign
  gitlab: GitlabStandIn
  provider: Provider
  /** The default app, as GitLab has it: a test may give it another secret there. */
  app: Client
  /** A new runtime whose people authorize GitLab with the default app. */
  runtime(name: string): Promise<Row>
  /** The administrator authorizes a runtime, as `login`; or the runtime itself. */
  authorize(row: Row, login: string, more?: { itself: boolean }): Promise<void>
  /** The tokens of the one grant that is in custody. */
  tokens(): Promise<TokenSet>
}

export async function startWithGitlab(): Promise<WithGitlab> {
  await using resources = new AsyncDisposableStack()
  const countersign = resources.use(await startCountersign())
  const gitlab = await startGitlab()
  resources.defer(() => gitlab.close())
  const { admin, database } = countersign
  const address = { base_url: gitlab.url, private_address_confirmed: true }
  const provider = await admin.api.createProvider({
    body: { kind: 'gitlab', name: 'GitLab', ...address },
  })
  const provider_id = provider.id
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const app = gitlab.oauth.registerClient(form.callback_url)
  const { client_id, client_secret } = app
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })
  const kept = resources.move()

  return {
    countersign,
    gitlab,
    provider,
    app,
    async runtime(name) {
      const made = await admin.api.createRuntime({ body: { name, provider_ids: [provider_id] } })
      const row = { runtime_id: made.runtime.id, provider_id }
      await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
      return row
    },
    async authorize(row, login, { itself } = { itself: false }) {
      const begin = itself ? beginRuntimeOAuth : beginOAuth
      const { request, authorization_url } = await begin(admin, row)
      gitlab.oauth.signIn(login)
      const sent = await fetch(authorization_url, { redirect: 'manual' })
      await using events = await admin.events()
      await comeBack(sent.headers.get('location') ?? '', admin.cookie)
      const done = await events.until(async () => {
        const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
        return now.status === 'exchanging' ? undefined : now
      })
      if (done.status !== 'completed') throw new Error(done.problem?.detail ?? done.status)
    },
    async tokens() {
      const { id, owner_id, box } = await database.db
        .selectFrom('connections')
        .select(['id', 'owner_id', 'box'])
        .where('provider_id', '=', provider_id)
        .executeTakeFirstOrThrow()
      const keyring = await openKeyring(database.db, countersign.vault_key)
      const at = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
      return readTokenSet(await keyring.open(at, box))
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
