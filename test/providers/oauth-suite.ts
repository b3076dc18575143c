import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { pollForToken, requestDeviceCode } from '../../src/oauth/device-authorization.ts'
import {
  exchangeCode,
  refresh,
  type TokenAnswer,
  type TokenEndpoint,
  TokenEndpointError,
} from '../../src/oauth/token-endpoint.ts'
import {
  missingScopes,
  type ProviderAdapter,
  type ProviderHttp,
  ProviderUnavailable,
  TokenRefused,
} from '../../src/providers/provider.ts'
import type { AuthorizationServer } from '../standins/authorization-server.ts'
import type { Client } from '../standins/client.ts'
import type { Reply } from '../standins/stand-in.ts'
import { troubles } from './suite.ts'

export const CALLBACK = 'http://127.0.0.1:1/oauth/callback'

/** A stand-in with an authorization server, as the suite needs it. */
export interface OAuthForge {
  http(): ProviderHttp
  oauth: AuthorizationServer
  client: Client
  /** Answers everything with `reply` until it is undefined. */
  interrupt(reply: Reply | undefined): void
  /** carol's login, where it is another. */
  login?: string
  /** Whether a refresh token works again after it was used. */
  refresh_token_reusable?: boolean
  /** Whether a public client that shows a secret, right or wrong, is accepted. */
  public_secret?: { right: boolean; wrong: boolean }
  /** The host ends an access token by itself, and its refresh token by no call of the app. */
  refresh_token_outlives?: boolean
}

/** Signs carol in and goes through the authorization code grant as our vault does. */
export async function grant(
  adapter: ProviderAdapter,
  forge: OAuthForge,
  endpoint = endpointOf(adapter, forge),
): Promise<TokenAnswer> {
  const code_verifier = randomBytes(32).toString('base64url')
  forge.oauth.signIn('carol')
  const callback = await authorize(adapter, forge, code_verifier)
  const code = callback.searchParams.get('code') ?? ''
  return await exchangeCode(endpoint, {
    code,
    redirect_uri: CALLBACK,
    code_verifier,
  })
}

/** @returns where carol is sent back to */
export async function authorize(
  adapter: ProviderAdapter,
  forge: OAuthForge,
  verifier: string | null,
): Promise<URL> {
  const { oauth } = adapter
  const query = new URLSearchParams({
    ...oauth.authorization_parameters,
    response_type: 'code',
    client_id: forge.client.client_id,
    redirect_uri: CALLBACK,
    scope: oauth.default_scopes.person.join(' '),
    state: 'a-state',
    ...(verifier === null ? {} : challengeOf(verifier)),
  })
  const { authorization_endpoint } = oauth.server(forge.http().base_url, null)
  const response = await fetch(`${authorization_endpoint}?${query}`, { redirect: 'manual' })
  return new URL(response.headers.get('location') ?? 'about:blank')
}

function challengeOf(verifier: string) {
  const code_challenge = createHash('sha256').update(verifier).digest('base64url')
  return { code_challenge, code_challenge_method: 'S256' }
}

/**
 * The token endpoint, asked as the app.
 *
 * @param secret another than the app's; null: none
 */
export function endpointOf(
  adapter: ProviderAdapter,
  forge: OAuthForge,
  secret: string | null = forge.client.client_secret,
): TokenEndpoint {
  const { oauth } = adapter
  const http = forge.http()
  const { client_id } = forge.client
  return {
    ...oauth.server(http.base_url, null),
    client: { client_id, client_secret: secret },
    client_authentication: oauth.client_authentication,
    dead_grant_errors: oauth.dead_grant_errors,
    misconfigured_errors: oauth.misconfigured_errors,
    transient_errors: oauth.transient_errors ?? [],
    blocked_errors: oauth.blocked_errors ?? [],
    fetch: http.fetch,
  }
}

/** Holds the OAuth2 facts of an adapter against the host's authorization server. */
export function describeOAuth(adapter: ProviderAdapter, forge: OAuthForge): void {
  const {
    refresh_repeats,
    default_scopes,
    revoke,
    device_flow: flow,
    public_clients,
  } = adapter.oauth
  const repeated = Object.fromEntries(
    refresh_repeats.map((name) => [
      name,
      name === 'scope' ? default_scopes.person.join(' ') : CALLBACK,
    ]),
  )
  const inspect = (token: string) =>
    adapter.inspect(forge.http(), { method: 'oauth', token, login: null })
  const refused = (outcome: TokenEndpointError['outcome']) => (error: unknown) =>
    error instanceof TokenEndpointError && error.outcome === outcome

  describe(`OAuth2 with ${adapter.kind}`, () => {
    test('a grant gives a token of the person, with the required scopes', async () => {
      const { access_token, expires_in, refresh_token } = await grant(adapter, forge)
      const { account, scopes } = await inspect(access_token)
      assert.equal(account.login, forge.login ?? 'carol')
      assert.deepEqual(scopes === null ? [] : missingScopes(adapter, scopes), [])
      assert.ok(expires_in !== null && expires_in > 0)
      assert.notEqual(refresh_token, null)
    })

    test('a refresh gives new ones, and the old refresh token is dead or not', async () => {
      const { refresh_token: old } = await grant(adapter, forge)
      assert.ok(old !== null)
      const endpoint = endpointOf(adapter, forge)
      const next = await refresh(endpoint, old, repeated)
      assert.notEqual(next.refresh_token, old)
      assert.equal((await inspect(next.access_token)).account.login, forge.login ?? 'carol')
      const again = refresh(endpoint, old, repeated)
      if (forge.refresh_token_reusable) await again
      else await assert.rejects(again, refused('permanent'))
    })

    test('what a refresh must repeat is needed', {
      skip: refresh_repeats.length === 0,
    }, async () => {
      const { refresh_token } = await grant(adapter, forge)
      await assert.rejects(refresh(endpointOf(adapter, forge), refresh_token ?? '', {}))
    })

    test('a code works once', async () => {
      const code_verifier = 'v'.repeat(43)
      const callback = await authorize(adapter, forge, code_verifier)
      const code = callback.searchParams.get('code') ?? ''
      const sent = { code, redirect_uri: CALLBACK, code_verifier }
      await exchangeCode(endpointOf(adapter, forge), sent)
      await assert.rejects(exchangeCode(endpointOf(adapter, forge), sent), refused('permanent'))
    })

    test('a code that took too long is over', async () => {
      const code_verifier = 'v'.repeat(43)
      const callback = await authorize(adapter, forge, code_verifier)
      const code = callback.searchParams.get('code') ?? ''
      forge.oauth.ageCodes(600)
      const sent = { code, redirect_uri: CALLBACK, code_verifier }
      await assert.rejects(exchangeCode(endpointOf(adapter, forge), sent), refused('permanent'))
    })

    test('a wrong client secret revokes nothing', { skip: revoke === undefined }, async () => {
      const { access_token, refresh_token } = await grant(adapter, forge)
      const client = { ...forge.client, client_secret: 'wrong' }
      const tokens = { access_token, refresh_token }
      await assert.rejects(
        async () => await revoke?.(forge.http(), client, tokens),
        ProviderUnavailable,
      )
      await inspect(access_token)
    })

    test('a wrong client secret is the administrator’s to mend', async () => {
      const { refresh_token } = await grant(adapter, forge)
      const endpoint = endpointOf(adapter, forge, 'wrong')
      await assert.rejects(
        refresh(endpoint, refresh_token ?? '', repeated),
        refused('misconfigured'),
      )
    })

    test('so is an app that must have a secret and shows none', async () => {
      const { refresh_token } = await grant(adapter, forge)
      const endpoint = endpointOf(adapter, forge, null)
      await assert.rejects(
        refresh(endpoint, refresh_token ?? '', repeated),
        refused('misconfigured'),
      )
    })

    test('a limit, an outage or a stranger’s answer ends no grant', async () => {
      const { refresh_token } = await grant(adapter, forge)
      for (const { seconds, ...reply } of troubles()) {
        // RFC 6749 §5.2 has a client that is not accepted answered like this.
        if (reply.status === 401) continue
        forge.interrupt(reply)
        await assert.rejects(
          refresh(endpointOf(adapter, forge), refresh_token ?? '', repeated),
          (error) => {
            assert.ok(error instanceof TokenEndpointError)
            assert.equal(error.outcome, 'transient', JSON.stringify(reply))
            const wait = error.retry_after ?? 0
            assert.ok(wait <= (seconds ?? wait) && wait >= (seconds ?? 0) / 2)
            return true
          },
        )
      }
      forge.interrupt(undefined)
      await refresh(endpointOf(adapter, forge), refresh_token ?? '', repeated)
    })

    test('the person may say no', async () => {
      forge.oauth.signIn('carol')
      forge.oauth.decline()
      const callback = await authorize(adapter, forge, 'v'.repeat(43))
      assert.equal(callback.searchParams.get('error'), 'access_denied')
    })

    test('a revoked token is refused', { skip: revoke === undefined }, async () => {
      const { access_token, refresh_token } = await grant(adapter, forge)
      const tokens = { access_token, refresh_token }
      await revoke?.(forge.http(), forge.client, tokens)
      await assert.rejects(inspect(access_token), TokenRefused)
      const refreshed = refresh(endpointOf(adapter, forge), refresh_token ?? '', repeated)
      if (forge.refresh_token_outlives) await refreshed
      else await assert.rejects(refreshed, refused('permanent'))
      await revoke?.(forge.http(), forge.client, tokens)
    })
  })

  describe(`a public client with ${adapter.kind}`, { skip: !public_clients }, () => {
    const own = () => ({ ...forge, client: forge.oauth.registerPublicClient(CALLBACK) })
    const grantTo = (app: OAuthForge, secret: string | null) =>
      grant(adapter, app, endpointOf(adapter, app, secret))

    test('is known by its id, when a code is exchanged and at a refresh', async () => {
      const app = own()
      const { access_token, refresh_token } = await grantTo(app, null)
      assert.equal((await inspect(access_token)).account.login, forge.login ?? 'carol')
      const endpoint = endpointOf(adapter, app, null)
      const next = await refresh(endpoint, refresh_token ?? '', repeated)
      assert.equal((await inspect(next.access_token)).account.login, forge.login ?? 'carol')
    })

    test('gets no code without PKCE', async () => {
      forge.oauth.signIn('carol')
      const callback = await authorize(adapter, own(), null)
      assert.equal(callback.searchParams.get('error'), 'invalid_request')
      assert.equal(callback.searchParams.get('code'), null)
    })

    test('that shows a secret is accepted or not', async () => {
      const app = own()
      const shown = [
        [app.client.client_secret, forge.public_secret?.right],
        ['wrong', forge.public_secret?.wrong],
      ] as const
      for (const [secret, accepted] of shown) {
        const granted = grantTo(app, secret)
        if (accepted) await granted
        else await assert.rejects(granted, refused('misconfigured'))
      }
    })

    test('ends its tokens without a secret', { skip: revoke === undefined }, async () => {
      const app = own()
      const { access_token, refresh_token } = await grantTo(app, null)
      const client = { client_id: app.client.client_id, client_secret: null }
      await revoke?.(forge.http(), client, { access_token, refresh_token })
      await assert.rejects(inspect(access_token), TokenRefused)
    })

    test('may have the device flow too', { skip: flow === undefined }, async () => {
      const app = own()
      const { device_authorization_endpoint = '' } = adapter.oauth.server(
        forge.http().base_url,
        null,
      )
      const endpoint = { ...endpointOf(adapter, app, null), device_authorization_endpoint }
      const { user_code, device_code } = await requestDeviceCode(endpoint, default_scopes.person)
      forge.oauth.devices?.approve(user_code, 'carol')
      const polled = await pollForToken(endpoint, device_code)
      assert.equal(polled.outcome, 'granted')
    })
  })

  describe(`device flow with ${adapter.kind}`, { skip: flow === undefined }, () => {
    const devices = () => {
      assert.ok(forge.oauth.devices, 'the stand-in has a device flow, too')
      return forge.oauth.devices
    }
    const begin = async () => {
      devices().interval = 0.01
      const { device_authorization_endpoint = '' } = adapter.oauth.server(
        forge.http().base_url,
        null,
      )
      const endpoint = { ...asDevice(), device_authorization_endpoint }
      const begun = await requestDeviceCode(endpoint, default_scopes.person)
      return { ...begun, poll: () => pollForToken(asDevice(), begun.device_code) }
    }
    const asDevice = () => ({
      ...endpointOf(adapter, forge),
      client_authentication: flow?.client_authentication ?? 'none',
    })

    test('a code ends in a token of the person, once', async () => {
      const { user_code, expires_in, poll } = await begin()
      assert.ok(expires_in >= 300)
      assert.deepEqual(await poll(), { outcome: 'authorization_pending' })
      devices().approve(user_code, 'carol')
      const polled = await poll()
      assert.equal(polled.outcome, 'granted')
      if (polled.outcome !== 'granted') return
      const { account } = await inspect(polled.answer.access_token)
      assert.equal(account.login, forge.login ?? 'carol')
      await assert.rejects(poll(), TokenEndpointError)
    })

    test('what it granted is refreshed as that flow wants it', async () => {
      const { user_code, poll } = await begin()
      devices().approve(user_code, 'carol')
      const polled = await poll()
      assert.equal(polled.outcome, 'granted')
      if (polled.outcome !== 'granted') return
      const { refresh_token } = polled.answer
      const next = await refresh(asDevice(), refresh_token ?? '', repeated)
      assert.equal((await inspect(next.access_token)).account.login, forge.login ?? 'carol')
    })

    test('no, and too late, are told apart from anything else', async () => {
      const late = await begin()
      devices().expire(late.user_code)
      assert.deepEqual(await late.poll(), { outcome: 'expired' })
      const no = await begin()
      devices().deny(no.user_code)
      const said = await no.poll().catch((error: unknown) => error)
      // GitLab forgets the code of somebody who says no.
      if (said instanceof TokenEndpointError) assert.equal(said.outcome, 'permanent')
      else assert.deepEqual(said, { outcome: 'denied' })
    })

    test('an app without the flow is known by its words', async () => {
      devices().off = true
      const refusal = await begin()
        .then(({ poll }) => poll())
        .catch((error: unknown) => error)
      devices().off = false
      assert.ok(refusal instanceof TokenEndpointError)
      assert.ok(flow?.off_errors.includes(refusal.error ?? ''), refusal.error)
    })
  })
}
