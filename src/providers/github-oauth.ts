import { basic, unexpected } from './answer.ts'
import { apiOf, request } from './github-request.ts'
import type { OAuthClient, OAuthFacts, OAuthTokens, ProviderHttp } from './provider.ts'

/**
 * OAuth apps and GitHub Apps alike, each with a secret. Failures of the token endpoint arrive with
 * status 200.
 *
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
 */
export const githubOAuth: OAuthFacts = {
  server: (base_url) => ({
    // Which it names on the way back, RFC 9207, since April 2026.
    // @see https://docs.github.com/en/apps/github-authentication-discovery-endpoints#issuer
    issuer: `${base_url}/login/oauth`,
    authorization_endpoint: `${base_url}/login/oauth/authorize`,
    token_endpoint: `${base_url}/login/oauth/access_token`,
    device_authorization_endpoint: `${base_url}/login/device/code`,
  }),
  client_authentication: 'client_secret_post',
  authorization_parameters: {},
  default_scopes: { person: ['repo'], runtime: ['repo', 'admin:repo_hook'] },
  // @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
  token_requests: { most: 2000, seconds: 3600 },
  refresh_repeats: [],
  dead_grant_errors: ['bad_refresh_token', 'bad_verification_code'],
  // @see https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
  misconfigured_errors: [
    'incorrect_client_credentials',
    'redirect_uri_mismatch',
    'application_suspended',
    'device_flow_disabled',
    // With status 404: no app has this id, or it was deleted.
    // @see https://github.com/octokit/auth-oauth-user.js/issues/239
    'Not Found',
  ],
  // It is off until the app's owner turns it on, and wants no secret.
  // @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow
  device_flow: { client_authentication: 'none', off_errors: ['device_flow_disabled'] },
  revoke,
}

/**
 * Ends one token, not the person's whole grant: another connection may hold a token of the same
 * account and app. A refresh token is ended by GitHub's call for leaked ones, which no Enterprise
 * Server has; there it stays with nobody who knows it.
 *
 * @see https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-token
 * @see https://docs.github.com/en/rest/credentials/revoke
 */
async function revoke(
  http: ProviderHttp,
  { client_id, client_secret }: OAuthClient,
  { access_token, refresh_token }: OAuthTokens,
): Promise<void> {
  const ended = await request(http, null, `/applications/${encodeURIComponent(client_id)}/token`, {
    method: 'DELETE',
    authorization: basic({ username: client_id, password: client_secret ?? '' }),
    body: { access_token },
    without_body: [204],
  })
  // 404 and 422: it has ended already.
  if (![204, 404, 422].includes(ended.status)) throw unexpected(http, 'GitHub')
  if (refresh_token === null || apiOf(http.base_url).startsWith(http.base_url)) return
  const refreshed = await request(http, null, '/credentials/revoke', {
    method: 'POST',
    body: { credentials: [refresh_token] },
    without_body: [202],
  })
  if (![202, 422].includes(refreshed.status)) throw unexpected(http, 'GitHub')
}
