import { accountByPassword } from '../accounts.ts'
import { type Exchange, type Route, redirect } from '../http.ts'
import { DEMO_ACCOUNT } from '../seed.ts'
import type { Forge } from '../state.ts'
import { html } from './html.ts'
import { formToken, sendPage } from './layout.ts'
import { readOwnForm, signIn, signOut, visitorOf } from './session.ts'

/** Signing in and out. */
export function signInRoutes(forge: Forge): Route[] {
  return [
    {
      method: 'GET',
      pattern: '/user/login',
      handle(exchange) {
        const redirect_to = localPath(exchange.url.searchParams.get('redirect_to'))
        if (visitorOf(forge, exchange).account) redirect(exchange.response, redirect_to)
        else sendSignIn(forge, exchange, redirect_to)
      },
    },
    {
      method: 'POST',
      pattern: '/user/login',
      async handle(exchange) {
        const form = await readOwnForm(forge, exchange)
        if (!form) return
        const redirect_to = localPath(form.get('redirect_to'))
        const user_name = form.get('user_name') ?? ''
        const account = await accountByPassword(forge, user_name, form.get('password') ?? '')
        if (!account || account.prohibit_login) {
          return sendSignIn(forge, exchange, redirect_to, user_name)
        }
        signIn(forge, exchange.response, account)
        redirect(exchange.response, redirect_to)
      },
    },
    {
      method: 'POST',
      pattern: '/user/logout',
      async handle(exchange) {
        if (!(await readOwnForm(forge, exchange))) return
        signOut(forge, exchange)
        redirect(exchange.response, '/user/login')
      },
    },
  ]
}

function sendSignIn(
  forge: Forge,
  exchange: Exchange,
  redirect_to: string,
  refused_name?: string,
): void {
  const visitor = visitorOf(forge, exchange)
  const refused = refused_name !== undefined
  sendPage(exchange.response, {
    status: refused ? 401 : 200,
    title: 'Sign in',
    visitor,
    body: html`<section class="card narrow">
      <h1>Sign in</h1>
      ${refused && html`<p class="alert" role="alert"><strong>That did not match.</strong> User name or password is wrong, or the account is suspended. Try the demo account below.</p>`}
      <form method="post" action="/user/login" class="stack">
        ${formToken(visitor)}
        <input type="hidden" name="redirect_to" value="${redirect_to}">
        <label>User name or e-mail
          <input name="user_name" value="${refused_name ?? ''}" autocomplete="username" autocapitalize="none" required autofocus>
        </label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password" required>
        </label>
        <button>Sign in</button>
      </form>
      <p class="note">Demo account: <code>${DEMO_ACCOUNT.login}</code> with the password <code>${DEMO_ACCOUNT.password}</code></p>
    </section>`,
  })
}

/** Only a path on this forge is a place to go to after signing in, as a browser reads it. */
function localPath(path: string | null): string {
  const url = path?.startsWith('/') ? URL.parse(path, 'http://forge.invalid') : null
  if (url?.host !== 'forge.invalid' || url.pathname.startsWith('//')) return '/'
  return url.pathname + url.search
}
