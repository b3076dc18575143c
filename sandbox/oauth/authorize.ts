import { randomBytes } from 'node:crypto'
import { hashSecret } from '../accounts.ts'
import { type Exchange, type Route, redirect } from '../http.ts'
import { html } from '../pages/html.ts'
import { avatar, formToken, sendPage } from '../pages/layout.ts'
import { readOwnForm, requireAccount, type Visitor } from '../pages/session.ts'
import { type Account, type Application, type Forge, type Grant, nextId } from '../state.ts'
import { accessScope } from './oauth-token.ts'

/** An authorization request that may be answered at its own redirect URI (RFC 6749, 4.1.1). */
interface AuthorizationRequest {
  application: Application
  redirect_uri: string
  response_type: string
  scope: string
  state: string
  code_challenge: string
  code_challenge_method: string
}

const CODE_LIFETIME_MS = 600_000

/** The page on which a person lets an application act for them, and its answer. */
export function authorizeRoutes(forge: Forge): Route[] {
  return [
    {
      method: 'GET',
      pattern: '/login/oauth/authorize',
      handle(exchange) {
        const who = requireAccount(forge, exchange)
        if (!who) return
        const asked = readRequest(forge, exchange, exchange.url.searchParams)
        if (!asked) return
        const refusal = refusalOf(asked)
        if (refusal) return answerError(exchange, asked, ...refusal)
        const grant = grantOf(forge, asked.application, who.account)
        // Gitea asks a confidential application's users only once, whatever the scopes are now.
        if (grant && asked.application.confidential_client) {
          return answerCode(forge, exchange, asked, grant)
        }
        sendConsent(exchange, who.visitor, who.account, asked)
      },
    },
    {
      method: 'POST',
      pattern: '/login/oauth/grant',
      async handle(exchange) {
        const who = requireAccount(forge, exchange)
        const form = who && (await readOwnForm(forge, exchange))
        const asked = form && readRequest(forge, exchange, form)
        if (!asked) return
        const refusal = refusalOf(asked)
        if (refusal) return answerError(exchange, asked, ...refusal)
        if (form.get('granted') !== 'true') {
          return answerError(exchange, asked, 'access_denied', 'the request is denied')
        }
        const grant = grantOf(forge, asked.application, who.account)
        if (grant && grant.scope !== asked.scope) {
          return answerError(exchange, asked, 'server_error', 'a grant exists with different scope')
        }
        answerCode(forge, exchange, asked, grant ?? createGrant(forge, asked, who.account))
      },
    },
  ]
}

function readRequest(
  forge: Forge,
  exchange: Exchange,
  fields: URLSearchParams,
): AuthorizationRequest | undefined {
  const field = (name: string) => fields.get(name) ?? ''
  const application = forge.state.applications.find((one) => one.client_id === field('client_id'))
  if (!application) return sendProblem(exchange, 'Client ID not registered')
  if (!isRegisteredUri(application, field('redirect_uri'))) {
    return sendProblem(exchange, 'Unregistered Redirect URI')
  }
  return {
    application,
    redirect_uri: field('redirect_uri'),
    response_type: field('response_type'),
    scope: field('scope'),
    state: field('state'),
    code_challenge: field('code_challenge'),
    code_challenge_method: field('code_challenge_method'),
  }
}

/** Why a request is refused at its redirect URI: error and description, or undefined. */
function refusalOf(asked: AuthorizationRequest): [string, string] | undefined {
  if (asked.response_type !== 'code') {
    return ['unsupported_response_type', 'Only code response type is supported.']
  }
  if (asked.code_challenge_method === '' && !asked.application.confidential_client) {
    return ['invalid_request', 'PKCE is required for public clients']
  }
  if (!['', 'plain', 'S256'].includes(asked.code_challenge_method)) {
    return ['invalid_request', 'unsupported code challenge method']
  }
  return undefined
}

/** Loopback redirects of public applications may use any port (RFC 8252, 7.3). */
export function isRegisteredUri(application: Application, redirect_uri: string): boolean {
  const registered = application.redirect_uris.map(plainUri)
  if (registered.includes(plainUri(redirect_uri))) return true
  if (application.confidential_client || !URL.canParse(redirect_uri)) return false
  const url = new URL(redirect_uri)
  if (url.protocol !== 'http:' || !['127.0.0.1', '[::1]'].includes(url.hostname)) return false
  url.port = ''
  return registered.includes(plainUri(url.href))
}

function plainUri(uri: string): string {
  return uri.toLowerCase().replace(/\/$/, '')
}

function grantOf(forge: Forge, application: Application, account: Account): Grant | undefined {
  return forge.state.grants.find(
    (one) => one.application_id === application.id && one.account_id === account.id,
  )
}

function createGrant(forge: Forge, asked: AuthorizationRequest, account: Account): Grant {
  const grant: Grant = {
    id: nextId(forge.state),
    application_id: asked.application.id,
    account_id: account.id,
    scope: asked.scope,
    counter: 0,
  }
  forge.state.grants.push(grant)
  return grant
}

function answerCode(
  forge: Forge,
  exchange: Exchange,
  asked: AuthorizationRequest,
  grant: Grant,
): void {
  const code = `gta_${randomBytes(32).toString('hex')}`
  const now = forge.now().toISOString()
  const open_codes = forge.state.authorization_codes.filter((one) => one.expires_at > now)
  forge.state.authorization_codes = open_codes
  open_codes.push({
    code_hash: hashSecret(code),
    grant_id: grant.id,
    code_challenge: asked.code_challenge,
    code_challenge_method: asked.code_challenge_method,
    expires_at: new Date(forge.now().getTime() + CODE_LIFETIME_MS).toISOString(),
  })
  forge.changed()
  answerAt(exchange, asked, { code, state: asked.state })
}

function answerError(
  exchange: Exchange,
  asked: AuthorizationRequest,
  error: string,
  error_description: string,
): void {
  answerAt(exchange, asked, { error, error_description, state: asked.state })
}

function answerAt(
  exchange: Exchange,
  asked: AuthorizationRequest,
  fields: Record<string, string>,
): void {
  const url = new URL(asked.redirect_uri)
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
  redirect(exchange.response, url.href)
}

function sendProblem(exchange: Exchange, problem: string): undefined {
  sendPage(exchange.response, {
    status: 400,
    title: 'Authorization failed',
    body: html`<section class="card narrow"><h1>Authorization failed</h1><p class="alert">${problem}</p>
      <p>The application that sent you here is not set up for this forge. Go back and tell its administrator.</p></section>`,
  })
}

function sendConsent(
  exchange: Exchange,
  visitor: Visitor,
  account: Account,
  asked: AuthorizationRequest,
): void {
  const { application, ...fields } = asked
  const hidden = Object.entries({ ...fields, client_id: application.client_id })
  const scope = accessScope(asked.scope)
  sendPage(exchange.response, {
    title: `Authorize ${application.name}`,
    visitor,
    body: html`<section class="card narrow"><h1>Authorize ${application.name}?</h1>
      <p>It asks to act on this forge as <span class="who">${avatar(account.email)}<strong>${account.login}</strong></span></p>
      <p>It may: ${scope === 'all' ? 'do everything you can do' : scope.split(',').map((one, at) => html`${at > 0 && ', '}<code>${one}</code>`)}</p>
      <p class="quiet">You will be sent to ${new URL(asked.redirect_uri).origin}.</p>
      <form method="post" action="/login/oauth/grant">${formToken(visitor)}
        ${hidden.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
        <div class="buttons"><button name="granted" value="true">Authorize</button><button class="second" name="granted" value="false">Decline</button></div>
      </form></section>`,
  })
}
