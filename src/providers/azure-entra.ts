import type { OAuthFacts } from './provider.ts'

/** Azure DevOps in all of Microsoft Entra ID. */
const RESOURCE = '499b84ac-1321-427f-aa17-267ca6975798'

/** Entra's word for every tenant with accounts of work or school. */
const ANY_ORGANIZATION = 'organizations'

/**
 * Where Entra sends people with their code: `/devicelogin`, or `/device` at its sign-in.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code#device-authorization-response
 */
const DEVICE_PAGES = [
  'https://microsoft.com',
  'https://www.microsoft.com',
  'https://login.microsoft.com',
]

/** Whether this is Azure DevOps Services, by either of its addresses, and not a server. */
export function isHosted(base_url: string): boolean {
  const { hostname } = new URL(base_url)
  return hostname === 'dev.azure.com' || hostname.endsWith('.visualstudio.com')
}

/**
 * People sign in at Microsoft Entra ID: in the tenant that the administrator named, or else in
 * any organization, for which the app must be open to accounts of any. Azure DevOps Server has no
 * OAuth2: its endpoints here are what stands in for Entra beside it.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints
 * @see https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/entra-oauth
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 */
export const entra: OAuthFacts = {
  server: (base_url, tenant) => {
    const host = isHosted(base_url) ? 'https://login.microsoftonline.com' : new URL(base_url).origin
    const directory = `${host}/${encodeURIComponent(tenant ?? ANY_ORGANIZATION)}`
    return {
      issuer: `${directory}/v2.0`,
      authorization_endpoint: `${directory}/oauth2/v2.0/authorize`,
      token_endpoint: `${directory}/oauth2/v2.0/token`,
      device_authorization_endpoint: `${directory}/oauth2/v2.0/devicecode`,
      ...(isHosted(base_url) ? { device_pages: DEVICE_PAGES } : {}),
    }
  },
  has_tenants: true,
  client_authentication: 'client_secret_post',
  // Whose address to come back to is one of the platform "Mobile and desktop applications".
  // @see https://learn.microsoft.com/entra/identity-platform/msal-client-applications
  public_clients: true,
  authorization_parameters: { response_mode: 'query' },
  default_scopes: {
    person: [`${RESOURCE}/.default`, 'offline_access'],
    runtime: [`${RESOURCE}/.default`, 'offline_access'],
  },
  scope_reasons: {
    [`${RESOURCE}/.default`]: 'for all that the app is permitted: profile, and code read and write',
    offline_access: 'to go on without asking the person again',
  },
  refresh_repeats: ['scope'],
  // The person must come back: to sign in again, for a second factor, or to consent.
  dead_grant_errors: ['interaction_required', 'login_required', 'consent_required'],
  misconfigured_errors: ['invalid_resource'],
  // Too many of the same request within minutes.
  // @see https://learn.microsoft.com/entra/msal/dotnet/advanced/exceptions/throttling
  transient_errors: ['invalid_grant: 50196'],
  // A policy of Conditional Access, such as for the place that the vault asks from.
  // @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
  blocked_errors: ['invalid_grant: 53003', 'interaction_required: 53003'],
  // Only public clients have it: who shows a secret is refused (AADSTS700025), and so is an app
  // that does not allow public client flows (AADSTS7000218), both as `invalid_client`.
  // @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
  device_flow: {
    client_authentication: 'none',
    off_errors: ['invalid_client', 'unauthorized_client'],
  },
}
