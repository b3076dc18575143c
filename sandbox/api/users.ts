import { createAccessToken, deleteAccessToken, findAccount } from '../accounts.ts'
import { param, sendJson } from '../http.ts'
import { InvalidScopeError } from '../scopes.ts'
import type { Account, Forge } from '../state.ts'
import { type ApiCall, ApiError, type ApiOperation, notFound, readJson } from './api-route.ts'
import { tokenShape, userShape } from './shapes.ts'

/** Gitea's API for accounts and their access tokens. */
export function userOperations(forge: Forge): ApiOperation[] {
  return [
    {
      method: 'GET',
      pattern: '/version',
      scopes: [],
      signed_in: false,
      handle: ({ response }) => sendJson(response, 200, { version: '1.25.2' }),
    },
    {
      method: 'GET',
      pattern: '/user',
      scopes: [['user']],
      signed_in: true,
      handle: ({ response, account }) => sendJson(response, 200, userShape(forge, account, true)),
    },
    emptyList('/notifications', [['notification']]),
    emptyList('/user/orgs', [['user', 'organization']]),
    {
      method: 'GET',
      pattern: '/packages/{owner}',
      scopes: [['package']],
      signed_in: true,
      handle(call) {
        accountInPath(forge, call, 'owner')
        sendJson(call.response, 200, [])
      },
    },
    {
      method: 'GET',
      pattern: '/admin/cron',
      scopes: [['admin']],
      signed_in: true,
      handle({ response, account }) {
        if (!account.is_admin) throw new ApiError(403, 'user should be the site admin')
        sendJson(response, 200, [])
      },
    },
    {
      method: 'GET',
      pattern: '/users/{username}',
      scopes: [['user']],
      signed_in: false,
      handle(call) {
        const account = accountInPath(forge, call, 'username')
        const authed = account.id === call.caller?.account.id
        sendJson(call.response, 200, userShape(forge, account, authed))
      },
    },
    {
      method: 'GET',
      pattern: '/users/{username}/tokens',
      scopes: [['user']],
      signed_in: false,
      handle(call) {
        const owner = tokenOwner(forge, call)
        const tokens = forge.state.access_tokens.filter((token) => token.account_id === owner.id)
        call.response.setHeader('x-total-count', tokens.length)
        sendJson(call.response, 200, tokens.map(tokenShape))
      },
    },
    {
      method: 'POST',
      pattern: '/users/{username}/tokens',
      scopes: [['user']],
      signed_in: false,
      handle: (call) => createToken(forge, call),
    },
    {
      method: 'DELETE',
      pattern: '/users/{username}/tokens/{id}',
      scopes: [['user']],
      signed_in: false,
      handle(call) {
        const owner = tokenOwner(forge, call)
        const wanted = param(call, 'id')
        const token = forge.state.access_tokens.find(
          (one) =>
            one.account_id === owner.id && (String(one.id) === wanted || one.name === wanted),
        )
        if (!token) throw notFound()
        deleteAccessToken(forge, token.id)
        call.response.writeHead(204).end()
      },
    },
  ]
}

/** The account that a path names, or Gitea's 404 for it. */
function accountInPath(forge: Forge, call: ApiCall, name: string): Account {
  const login = param(call, name)
  const account = findAccount(forge, login)
  if (!account) throw new ApiError(404, `user redirect does not exist [name: ${login}]`)
  return account
}

/**
 * The account in the path, when the caller is that account and came by Basic. Gitea also takes
 * Basic with a token for a password here, so a token can read its own scopes in the list.
 */
function tokenOwner(forge: Forge, call: ApiCall): Account {
  const account = accountInPath(forge, call, 'username')
  if (account !== call.caller?.account) {
    throw new ApiError(403, 'doer should be the site admin or be same as the contextUser')
  }
  if (call.caller.header !== 'basic') throw new ApiError(401, 'auth required')
  return account
}

async function createToken(forge: Forge, call: ApiCall): Promise<void> {
  const owner = tokenOwner(forge, call)
  const { name, scopes } = await readJson(call)
  if (typeof name !== 'string' || name === '') throw new ApiError(422, '[Name]: Required')
  if (forge.state.access_tokens.some((one) => one.account_id === owner.id && one.name === name)) {
    throw new ApiError(400, 'access token name has been used already')
  }
  const wanted = Array.isArray(scopes) ? scopes.map(String) : []
  if (wanted.length === 0) throw new ApiError(400, 'access token must have a scope')
  try {
    const { token, sha1 } = createAccessToken(forge, owner, name, wanted)
    sendJson(call.response, 201, { ...tokenShape(token), sha1 })
  } catch (error) {
    if (!(error instanceof InvalidScopeError)) throw error
    throw new ApiError(400, `invalid access token scope provided: ${error.message}`)
  }
}

function emptyList(pattern: string, scopes: ApiOperation['scopes']): ApiOperation {
  return {
    method: 'GET',
    pattern,
    scopes,
    signed_in: true,
    handle: ({ response }) => sendJson(response, 200, []),
  }
}
