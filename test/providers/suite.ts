import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  missingScopes,
  type ProviderAdapter,
  type ProviderHttp,
  type TokenCredential,
  TokenRefused,
  TokenScopesMissing,
} from '../../src/providers/provider.ts'

/** A forge of the adapter's kind, as the suite needs it. The account is `carol`. */
export interface AdapterForge {
  http(): ProviderHttp
  /** A token with all required scopes; its account, carol's, may push to `carol/tools` and `carol/secret`. */
  good_token(): string
  /** A token that may not even read its own account, where the forge has such. */
  blind_token?(): string
  /** A token that can be seen to lack the scope for pushing, where scopes can be seen. */
  reader_token?(): string
  /** A token for everything, or another with all required scopes. */
  all_token(): string
  /** A token of somebody who has no part in carol's repositories. */
  stranger_token(): string
  unknown_token: string
  suspend(): Promise<void> | void
  unsuspend(): Promise<void> | void
  /** How carol's account is told, where it is told in another way. */
  account?: Partial<{ login: string; email: string | null }>
  /** What a token of a suspended account is refused as, where not as that. */
  suspended_as?: TokenRefused['why']
  /** Where tokens are made, where that is another host. */
  token_page_at?: string
}

const credential = (token: string): TokenCredential => ({ method: 'token', token, login: null })

/** Holds an adapter to the contract that `ProviderAdapter` states. */
export function describeAdapter(adapter: ProviderAdapter, forge: AdapterForge): void {
  const { login = 'carol', email = 'carol@example.com' } = forge.account ?? {}
  const missing = (scopes: string[] | null) =>
    scopes === null ? [] : missingScopes(adapter, scopes)
  describe(`the ${adapter.kind} adapter`, () => {
    test('recognizes its kind of forge', async () => {
      assert.equal(await adapter.recognize(forge.http()), true)
    })

    test('tells whose token it is, and that it has the required scopes', async () => {
      const { account, scopes } = await adapter.inspect(
        forge.http(),
        credential(forge.good_token()),
      )
      assert.equal(account.login, login)
      assert.equal(account.name, 'Carol Example')
      assert.equal(account.email, email)
      assert.notEqual(account.id, '')
      assert.match(account.avatar_url ?? 'http', /^http/)
      assert.equal(scopes === null, forge.reader_token === undefined)
      assert.deepEqual(missing(scopes), [])
    })

    test('the same account has the same id with every token', async () => {
      const one = await adapter.inspect(forge.http(), credential(forge.good_token()))
      const other = await adapter.inspect(forge.http(), credential(forge.all_token()))
      assert.equal(one.account.id, other.account.id)
    })

    test('a wider scope includes the narrower ones', async () => {
      const { scopes } = await adapter.inspect(forge.http(), credential(forge.all_token()))
      assert.deepEqual(missing(scopes), [])
    })

    test('missing scopes are named', { skip: forge.reader_token === undefined }, async () => {
      const reader = credential(forge.reader_token?.() ?? '')
      assert.notDeepEqual(missing((await adapter.inspect(forge.http(), reader)).scopes), [])
    })

    const blind = forge.blind_token
    test('they are named when the account cannot be read', {
      skip: blind === undefined,
    }, async () => {
      await assert.rejects(
        adapter.inspect(forge.http(), credential(blind?.() ?? '')),
        (error) =>
          error instanceof TokenScopesMissing && missingScopes(adapter, error.scopes).length > 0,
      )
    })

    test('the token page is at the forge', () => {
      const { base_url } = forge.http()
      assert.ok(adapter.pages(base_url).new_token.startsWith(forge.token_page_at ?? base_url))
    })

    test('its own tokens look like tokens, a password does not', () => {
      assert.ok(adapter.looksLikeToken(forge.good_token()))
      assert.equal(adapter.looksLikeToken('correct horse battery staple'), false)
    })

    test('says what an account may do with a repository', async () => {
      const access = (token: string, name: string) =>
        adapter.repositoryAccess(forge.http(), credential(token), { owner: 'carol', name })
      assert.deepEqual(await access(forge.good_token(), 'secret'), { read: true, write: true })
      assert.deepEqual(await access(forge.stranger_token(), 'tools'), { read: true, write: false })
      for (const name of ['secret', 'no-such-repository']) {
        const none = { read: false, write: false }
        assert.deepEqual(await access(forge.stranger_token(), name), none)
      }
    })

    test('only the forge itself can refuse a token', async () => {
      await assert.rejects(
        adapter.inspect(forge.http(), credential(forge.unknown_token)),
        (error) => error instanceof TokenRefused && error.why === 'bad_credential',
      )
      await forge.suspend()
      await assert.rejects(
        adapter.inspect(forge.http(), credential(forge.good_token())),
        (error) =>
          error instanceof TokenRefused &&
          error.why === (forge.suspended_as ?? 'account_suspended'),
      )
      await forge.unsuspend()
      assert.equal(
        (await adapter.inspect(forge.http(), credential(forge.good_token()))).account.login,
        login,
      )
    })
  })
}
