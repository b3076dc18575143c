import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  missingScopes,
  type ProviderAdapter,
  type ProviderHttp,
  ProviderUnavailable,
  type TokenCredential,
  TokenRefused,
  TokenScopesMissing,
} from '../../src/providers/provider.ts'
import type { Reply } from '../standins/stand-in.ts'

/** An answer that says nothing about a token, and for how long it asks us to wait. */
export type Limit = Reply & { seconds?: number }

/** A forge of the adapter's kind, as the suite needs it. The account is `carol`. */
export interface AdapterForge {
  http(): ProviderHttp
  /** A token with all required scopes; its account, carol's, may push to `carol/tools` and `carol/secret`. */
  good_token(): string
  /** A token that may not even read its own account, where the forge has such. */
  blind_token?(): string
  /** A token that can be seen to lack the scope for pushing, where scopes can be seen. */
  reader_token?(): string
  /** A token of carol's that may read `carol/secret` and not push to it. */
  read_only_token(): string
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
  /** Path of the clone address of `carol/tools`, where it is another. */
  clone_path?: string
  /** Answers everything with `reply` until it is undefined, where the forge can. */
  interrupt?(reply: Reply | undefined): void
  /** What this host says when it is asked too often, as documented. */
  limits?: readonly Limit[]
}

const inAMinute = () => Math.floor(Date.now() / 1000) + 60

/** Answers of hosts in trouble and of whatever stands between, that no token is to blame for. */
export function troubles(): Limit[] {
  const date = new Date(inAMinute() * 1000).toUTCString()
  return [
    { status: 429, body: { message: 'Slow down' }, headers: { 'retry-after': '30' }, seconds: 30 },
    { status: 429, body: 'Slow down', headers: { 'retry-after': date }, seconds: 60 },
    { status: 429, body: '<html>Slow down' },
    // In milliseconds, or of whatever else: nobody is left alone for an age.
    { status: 429, body: 'Slow down', headers: { 'retry-after': '1'.repeat(30) }, seconds: 3600 },
    { status: 429, headers: { 'x-ratelimit-reset': String(Date.now() + 60_000) }, seconds: 3600 },
    { status: 500, body: { message: 'Oops' } },
    { status: 503, body: '<html>Maintenance', headers: { 'retry-after': '5' } },
    { status: 200, body: '<html>Accept our terms' },
    { status: 200, body: { unlike: 'anything' } },
    { status: 302, headers: { location: 'https://portal.example/sign-in' } },
    { status: 401, body: '<html>Sign in to the proxy' },
    { status: 407, body: '<html>Proxy authentication' },
  ]
}

/** What GitHub and Azure DevOps put beside a refusal to go on. */
export function resetHeaders(name = 'x-ratelimit-reset'): Record<string, string> {
  return { [name]: String(inAMinute()) }
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

    test('the token page is at the forge, with the scopes chosen where it can', () => {
      const { base_url } = forge.http()
      const { new_token, scopes_filled_in, tokens, grants, new_client } = adapter.pages(base_url)
      assert.ok(new_token.startsWith(forge.token_page_at ?? base_url))
      assert.ok(tokens.startsWith(forge.token_page_at ?? base_url))
      for (const page of [grants, new_client]) assert.match(page, /^https?:/)
      if (!scopes_filled_in) return
      const scopes = new URL(new_token).searchParams.get('scopes')?.split(',') ?? []
      assert.deepEqual(missingScopes(adapter, scopes), [])
    })

    test('what a runtime needs includes what a person needs', async () => {
      const { scopes } = await adapter.inspect(forge.http(), credential(forge.all_token()))
      assert.deepEqual(scopes === null ? [] : missingScopes(adapter, scopes, 'runtime'), [])
      const needed = adapter.required_scopes.runtime.map(({ scope }) => scope)
      assert.deepEqual(missingScopes(adapter, needed), [])
    })

    test('the repository of a clone address is known, and nothing else is one', () => {
      const { base_url } = forge.http()
      const { pathname } = new URL(base_url)
      const at = (path: string) => adapter.repositoryAt(base_url, path)
      const folder = pathname.replace(/^\/|\/$/g, '')
      const path = [folder, forge.clone_path ?? 'carol/tools.git'].filter(Boolean).join('/')
      for (const one of [path, `/${path}`, `${path}/`, `${path}/info/refs`]) {
        assert.deepEqual(at(one), { owner: 'carol', name: 'tools' }, one)
      }
      for (const other of ['', '/', folder, `${path}/../../x`, path.replace('carol', '%2e%2e')]) {
        assert.equal(at(other), undefined, other)
      }
    })

    test('its own tokens look like tokens, a password does not', () => {
      assert.ok(adapter.looksLikeToken(forge.good_token()))
      assert.equal(adapter.looksLikeToken('correct horse battery staple'), false)
    })

    const access = (token: string, name: string) =>
      adapter.repositoryAccess(forge.http(), credential(token), { owner: 'carol', name })

    test('says what a token may do with a repository', async () => {
      const [all, some, none] = [
        { visible: true, read: true, write: true },
        { visible: true, read: true, write: false },
        { visible: false, read: false, write: false },
      ]
      assert.deepEqual(await access(forge.good_token(), 'secret'), all)
      assert.deepEqual(await access(forge.read_only_token(), 'secret'), some)
      assert.deepEqual(await access(forge.stranger_token(), 'tools'), some)
      for (const name of ['secret', 'no-such-repository']) {
        assert.deepEqual(await access(forge.stranger_token(), name), none)
      }
    })

    test('a bad token is refused, and not told that it may not', async () => {
      await assert.rejects(access(forge.unknown_token, 'secret'), TokenRefused)
      await forge.suspend()
      await assert.rejects(access(forge.good_token(), 'secret'), TokenRefused)
      await forge.unsuspend()
    })

    const { interrupt, limits = [] } = forge
    test('a limit, an outage or a stranger’s answer says nothing about a token', {
      skip: interrupt === undefined,
    }, async () => {
      for (const { seconds, ...reply } of [...troubles(), ...limits]) {
        interrupt?.(reply)
        const saysNothing = (error: unknown) => {
          assert.ok(error instanceof ProviderUnavailable, `${JSON.stringify(reply)}: ${error}`)
          if (seconds === undefined) return true
          const wait = error.retry_after ?? 0
          // Some are moments, from which this test itself has come nearer.
          assert.ok(wait <= seconds && wait > seconds / 2, `${wait} of ${seconds} s`)
          return true
        }
        await assert.rejects(
          adapter.inspect(forge.http(), credential(forge.good_token())),
          saysNothing,
        )
        await assert.rejects(access(forge.good_token(), 'secret'), saysNothing)
      }
      interrupt?.(undefined)
      assert.equal((await access(forge.good_token(), 'secret')).write, true)
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
