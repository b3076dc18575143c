import { findAccount } from './accounts.ts'
import { authenticate, type Caller } from './authentication.ts'
import { type Exchange, param, type Route, sendText } from './http.ts'
import { runHttpBackend } from './http-backend.ts'
import { html } from './pages/html.ts'
import { sendPage } from './pages/layout.ts'
import { findRepository, permissionOf } from './repositories.ts'
import { includesScopes, isPublicOnly, requiredScopes } from './scopes.ts'
import type { Forge } from './state.ts'

/**
 * Git's smart HTTP protocol under `/{owner}/{repo}`, with or without `.git`. Who may do what, and
 * in which words a refusal is put, is Gitea's.
 * @see https://git-scm.com/docs/http-protocol
 */
export function smartHttpRoutes(forge: Forge): Route[] {
  const handle = (exchange: Exchange) => answer(forge, exchange)
  return [
    { method: 'GET', pattern: '/{owner}/{repo}/info/refs', handle },
    { method: 'POST', pattern: '/{owner}/{repo}/git-upload-pack', handle },
    { method: 'POST', pattern: '/{owner}/{repo}/git-receive-pack', handle },
  ]
}

async function answer(forge: Forge, exchange: Exchange): Promise<void> {
  const { request, response } = exchange
  const caller = await authenticate(forge, request)
  if (caller === 'refused') return sendText(response, 401, 'Failed to authenticate user\n')
  const who = caller === 'anonymous' ? undefined : caller
  if (who?.account.prohibit_login) return sendProhibited(exchange)
  if (!findAccount(forge, param(exchange, 'owner'))) return sendText(response, 404, 'Not found.\n')

  const pushes = isPush(exchange)
  const found = findRepository(forge, param(exchange, 'owner'), param(exchange, 'repo'))
  if (pushes || !found || found.repository.private) {
    if (!who) {
      return sendText(response, 401, 'Unauthorized\n', {
        'www-authenticate': 'Basic realm="Gitea"',
      })
    }
    if (!mayUseToken(who, pushes, found?.repository.private === true)) {
      return sendText(response, 403, 'Forbidden\n')
    }
  }
  if (!found) {
    return pushes
      ? sendText(response, 403, 'Push to create is not enabled for users.')
      : sendText(response, 404, 'Repository not found')
  }
  const permission = permissionOf(found.repository, who?.account)
  if (!permission) return sendText(response, 404, 'Repository not found')
  await runHttpBackend(forge, exchange, {
    ...found,
    account: who?.account,
    may_write: permission !== 'read',
  })
}

function isPush({ request, url }: Exchange): boolean {
  if (request.method === 'POST') return url.pathname.endsWith('/git-receive-pack')
  return url.searchParams.get('service') === 'git-receive-pack'
}

/**
 * Whether the caller's token is good for this. Gitea looks at the scopes only when the token came
 * by Basic: with `Authorization: Bearer` any token of the account can push.
 */
function mayUseToken(caller: Caller, pushes: boolean, is_private: boolean): boolean {
  if (caller.header !== 'basic' || caller.scope === undefined) return true
  if (is_private && isPublicOnly(caller.scope)) return false
  return includesScopes(caller.scope, requiredScopes(pushes ? 'write' : 'read', ['repository']))
}

/** Gitea answers Git's request of a suspended account with a page and status 200. */
function sendProhibited({ response }: Exchange): void {
  sendPage(response, {
    title: 'Sign-In Prohibited',
    body: html`<h1>Sign-In Prohibited</h1><p>This account is prohibited from signing in.</p>`,
  })
}
