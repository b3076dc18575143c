import type { Provider } from '../../src/contract/index.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { openTokenSet, type TokenSet } from '../../src/vault/token-set.ts'
import type { Client } from '../standins/client.ts'
import { type GitlabStandIn, startGitlab } from '../standins/gitlab/gitlab.ts'
import { type Countersign, startCountersign } from './countersign.ts'
import { beginOAuth, beginRuntimeOAuth } from './oauth.ts'
import { registerStandIn } from './stand-in.ts'

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
  const { database } = countersign
  const { provider, client, ...registered } = await registerStandIn(countersign, 'gitlab', gitlab, {
    name: 'GitLab',
  })
  const kept = resources.move()

  return {
    countersign,
    gitlab,
    provider,
    app: client,
    async runtime(name) {
      return (await registered.runtime(name)).row
    },
    async authorize(row, login, { itself } = { itself: false }) {
      const begin = itself ? beginRuntimeOAuth : beginOAuth
      const done = await registered.authorize(row, login, begin)
      if (done.status !== 'completed') throw new Error(done.problem?.detail ?? done.status)
    },
    async tokens() {
      const { id, owner_id, box } = await database.db
        .selectFrom('connections')
        .select(['id', 'owner_id', 'box'])
        .where('provider_id', '=', provider.id)
        .executeTakeFirstOrThrow()
      const keyring = await openKeyring(database.db, countersign.vault_key)
      return await openTokenSet(keyring, { id, owner_id, provider_id: provider.id, box })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
