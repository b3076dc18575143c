import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
import { plainUserCode } from '../device-authorization.ts'
import {
  advertise,
  type Call,
  type Forge,
  type Reply,
  readAuthorization,
  rights,
  startForge,
  type Token,
} from '../stand-in.ts'

const RESOURCE = '499b84ac-1321-427f-aa17-267ca6975798'
const LIFETIME = 3599

export const ORGANIZATION = 'contoso'

export type AzureDevOpsStandIn = Forge & {
  oauth: AuthorizationServer
  /** Whether the organization lets strangers see its public projects. */
  has_public_projects: boolean
}

/** Whom an organization with public projects takes a stranger for, one with a bad token too. */
const ANONYMOUS = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'

/** The newest version of the API that an Azure DevOps Server 2022 has. */
const NEWEST_API = 7

/**
 * Stands in for Azure DevOps with Entra ID on the same host; docs/providers/azure-devops.md.
 *
 * @param tenant the only one that its apps are for; `organizations`: for all
 */
export async function startAzureDevOps(tenant = 'organizations'): Promise<AzureDevOpsStandIn> {
  const entra = `/${tenant}/oauth2/v2.0`
  const refused = (error: string) => ({ status: 400, error })
  const oauth = authorizationServer(() => forge, {
    paths: {
      authorize: `${entra}/authorize`,
      token: `${entra}/token`,
    },
    device: {
      path: `${entra}/devicecode`,
      verification_path: '/devicelogin',
      complete: false,
      expires_in: 900,
      secret: 'refused',
      // Its document knows no `slow_down`.
      slow_down: false,
      off: { status: 401, error: 'invalid_client', at: 'token' },
      errors: {
        client: { status: 401, error: 'invalid_client' },
        scope: refused('invalid_scope'),
        pending: refused('authorization_pending'),
        denied: refused('authorization_declined'),
        expired: refused('expired_token'),
        unknown: refused('bad_verification_code'),
      },
      user_code: plainUserCode,
    },
    client_authentication: 'post',
    public_clients: { secret: 'refused' },
    knows: (scope) => scope === 'offline_access' || scope.startsWith(`${RESOURCE}/`),
    unknown_scope: 'refused',
    pkce: true,
    refresh_needs: ['scope'],
    refresh_ends_access: false,
    refresh_token_reusable: true,
    access: { kind: 'entra', lifetime: LIFETIME },
    errors: {
      client: { status: 401, error: 'invalid_client' },
      code: { status: 400, error: 'invalid_grant' },
      refresh: { status: 400, error: 'invalid_grant' },
      scope: { status: 400, error: 'invalid_request' },
    },
    granted: ({ access_token, refresh_token }) => ({
      access_token,
      refresh_token,
      token_type: 'Bearer',
      expires_in: LIFETIME,
      ext_expires_in: LIFETIME,
      scope: `${RESOURCE}/user_impersonation ${RESOURCE}/.default`,
    }),
  })
  const forge: AzureDevOpsStandIn = Object.assign(
    await startForge(
      (kind, random) =>
        kind === 'entra' ? `eyJ.${random}.sig` : `${random}AZDO${random.slice(0, 20)}`,
      (call) => {
        const reply = oauth.handle(call)
        if (reply !== undefined) return reply
        const { status, body, headers } = service(call, forge)
        return { status, body, headers: { 'x-vss-e2eid': 'c0de', ...headers } }
      },
    ),
    { oauth, has_public_projects: false },
  )
  return forge
}

/** A bad credential is sent to a page for signing in, unless the caller asks not to be. */
function signIn({ headers }: Call): Reply {
  return headers['x-tfs-fedauthredirect'] === 'Suppress'
    ? { status: 401, body: '<html>Access Denied', headers: { 'www-authenticate': 'Basic, Bearer' } }
    : { status: 302, headers: { location: '/_signin' } }
}

/** Personal access tokens: Basic with any name. Those of Entra: Bearer, or Basic for Git. */
function tokenOf(call: Call, forge: Forge): Token | undefined {
  const { scheme, text, password } = readAuthorization(call)
  const token = forge.working(scheme === 'basic' ? password : text)
  const right = scheme === 'basic' || token?.kind === 'entra'
  return right && token?.account.suspended === false ? token : undefined
}

function service(call: Call, forge: AzureDevOpsStandIn): Reply {
  const { pathname, searchParams } = call.url
  const token = tokenOf(call, forge)
  const git = new RegExp(`^/${ORGANIZATION}/([^/]+)/_git/([^/]+)/info/refs$`).exec(pathname)
  if (git !== null) return repository(call, forge, token, git[1] ?? '', git[2] ?? '')
  if (!searchParams.has('api-version')) return { status: 400, body: { message: 'No api-version' } }
  const who = pathname === `/${ORGANIZATION}/_apis/connectionData`
  if (token === undefined) return who && forge.has_public_projects ? anonymous() : signIn(call)
  const { id, name, email } = token.account
  if (who) {
    const version = searchParams.get('api-version') ?? ''
    if (!version.includes('preview')) {
      return { status: 400, body: { message: 'This version of the API is in preview.' } }
    }
    if (Number.parseFloat(version) > NEWEST_API) {
      const message = `The requested REST API version of ${version} is out of range for this server.`
      return { status: 400, body: { message, typeKey: 'VssVersionOutOfRangeException' } }
    }
    const properties = { Account: { $type: 'System.String', $value: email } }
    const authenticatedUser = {
      id: `guid-${id}`,
      providerDisplayName: name,
      isActive: true,
      properties,
    }
    return { status: 200, body: { authenticatedUser, authorizedUser: authenticatedUser } }
  }
  if (pathname === '/_apis/profile/profiles/me') {
    return token.kind === 'entra' || token.scopes.includes('vso.profile')
      ? { status: 200, body: { id: `guid-${id}`, displayName: name, emailAddress: email } }
      : signIn(call)
  }
  return { status: 404, body: { message: 'No such controller' } }
}

function anonymous(): Reply {
  const authenticatedUser = {
    id: ANONYMOUS,
    descriptor: `System:PublicAccess;${ANONYMOUS}`,
    providerDisplayName: 'Anonymous',
    isActive: true,
  }
  return { status: 200, body: { authenticatedUser, authorizedUser: authenticatedUser } }
}

function repository(
  call: Call,
  forge: AzureDevOpsStandIn,
  token: Token | undefined,
  project: string,
  name: string,
): Reply {
  if (token === undefined) {
    const shown = rights(forge, undefined, project, name) !== undefined
    const reads = call.url.searchParams.get('service') === 'git-upload-pack'
    return forge.has_public_projects && shown && reads
      ? advertise(call, { read: true, write: false })
      : { status: 401, body: '<html>' }
  }
  const right = rights(forge, token.account, project, name)
  if (right === undefined) return { status: 404, body: '<html>TF401019' }
  const may = (scope: string) => token.kind === 'entra' || token.scopes.includes(scope)
  return advertise(call, {
    read: may('vso.code') || may('vso.code_write'),
    write: right.push && may('vso.code_write'),
  })
}
