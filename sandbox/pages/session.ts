import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { accountById, hashSecret } from '../accounts.ts'
import { type Exchange, readCookie, readForm, redirect, sendText } from '../http.ts'
import type { Account, Forge } from '../state.ts'

/** Somebody with a browser, signed in or not. */
export interface Visitor {
  account: Account | undefined
  /** Goes into every form: it is only good together with this browser's cookie. */
  form_token: string
}

/** Who looks at a page. A browser without a cookie gets one. */
export function visitorOf(forge: Forge, { request, response }: Exchange): Visitor {
  let session_id = readCookie(request, cookieOf(forge))
  if (!session_id) {
    session_id = randomBytes(24).toString('base64url')
    setCookie(forge, response, session_id)
  }
  const session_hash = hashSecret(session_id)
  const session = forge.state.sessions.find((one) => one.session_hash === session_hash)
  const account = session && accountById(forge, session.account_id)
  return {
    account: account?.prohibit_login ? undefined : account,
    form_token: formTokenOf(forge, session_id),
  }
}

/** The signed-in account; undefined after sending everybody else to the sign-in page. */
export function requireAccount(
  forge: Forge,
  exchange: Exchange,
): { visitor: Visitor; account: Account } | undefined {
  const visitor = visitorOf(forge, exchange)
  if (visitor.account) return { visitor, account: visitor.account }
  const { pathname, search } = exchange.url
  const target = exchange.request.method === 'GET' ? pathname + search : '/'
  redirect(exchange.response, `/user/login?redirect_to=${encodeURIComponent(target)}`)
  return undefined
}

/**
 * The fields of a posted form; undefined after refusing one that did not come from a page of this
 * forge in this browser.
 */
export async function readOwnForm(
  forge: Forge,
  exchange: Exchange,
): Promise<URLSearchParams | undefined> {
  const { request, response } = exchange
  const form = await readForm(request)
  const session_id = readCookie(request, cookieOf(forge))
  const site = request.headers['sec-fetch-site']
  const from_here = site === undefined || site === 'same-origin'
  const token = form.get('form_token') ?? ''
  if (from_here && session_id && isEqual(token, formTokenOf(forge, session_id))) return form
  sendText(response, 403, 'This form is too old, or it was not opened here. Open it again.\n')
  return undefined
}

/** Signs the browser in under a new cookie, so that nobody else can know it. */
export function signIn(forge: Forge, response: ServerResponse, account: Account): void {
  const session_id = randomBytes(24).toString('base64url')
  forge.state.sessions.push({
    session_hash: hashSecret(session_id),
    account_id: account.id,
    created_at: forge.now().toISOString(),
  })
  forge.changed()
  setCookie(forge, response, session_id)
}

export function signOut(forge: Forge, { request, response }: Exchange): void {
  const session_hash = hashSecret(readCookie(request, cookieOf(forge)) ?? '')
  forge.state.sessions = forge.state.sessions.filter((one) => one.session_hash !== session_hash)
  forge.changed()
  setCookie(forge, response, randomBytes(24).toString('base64url'))
}

/** Browsers keep cookies by host, whatever the port is: two forges on one machine have one each. */
function cookieOf(forge: Forge): string {
  return `sandbox_session_${new URL(forge.url).port}`
}

function setCookie(forge: Forge, response: ServerResponse, session_id: string): void {
  response.setHeader(
    'set-cookie',
    `${cookieOf(forge)}=${session_id}; Path=/; HttpOnly; SameSite=Lax`,
  )
}

function formTokenOf(forge: Forge, session_id: string): string {
  return createHmac('sha256', forge.state.signing_key)
    .update(`form ${session_id}`)
    .digest('base64url')
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
