import { type Exchange, type Route, redirect } from '../http.ts'
import {
  applicationsOf,
  createApplication,
  deleteApplication,
  grantsOf,
  revokeGrant,
} from '../oauth/applications.ts'
import type { Account, Application, Forge, Grant } from '../state.ts'
import { type Html, html, timeAgo } from './html.ts'
import { formToken, sendPage } from './layout.ts'
import { readOwnForm, requireAccount, type Visitor } from './session.ts'

const PATH = '/user/settings/oauth2'

interface NewSecret {
  name: string
  client_id: string
  client_secret: string
}

/** OAuth2 applications: those a person registered, and those they let act for them. */
export function oauthApplicationPages(forge: Forge): Route[] {
  /** Secrets made a moment ago, to be shown once, by account. */
  const fresh = new Map<number, NewSecret>()

  /** A form of this page: `act` does what it asks for and may answer with a problem. */
  function onForm(
    pattern: string,
    act: (account: Account, form: URLSearchParams) => string | undefined,
  ): Route {
    return {
      method: 'POST',
      pattern,
      async handle(exchange) {
        const who = requireAccount(forge, exchange)
        const form = who && (await readOwnForm(forge, exchange))
        if (!form) return
        const problem = act(who.account, form)
        if (problem) sendApplications(forge, exchange, who.visitor, who.account, { problem })
        else redirect(exchange.response, PATH)
      },
    }
  }

  return [
    {
      method: 'GET',
      pattern: PATH,
      handle(exchange) {
        const who = requireAccount(forge, exchange)
        if (!who) return
        const created = fresh.get(who.account.id)
        fresh.delete(who.account.id)
        sendApplications(forge, exchange, who.visitor, who.account, { created })
      },
    },
    onForm(PATH, (account, form) => {
      const name = (form.get('name') ?? '').trim()
      const redirect_uris = (form.get('redirect_uris') ?? '').split(/\s+/).filter(Boolean)
      const problem = applicationProblem(name, redirect_uris)
      if (problem) return problem
      const { application, client_secret } = createApplication(forge, account, {
        name,
        redirect_uris,
        confidential_client: form.has('confidential_client'),
        skip_secondary_authorization: false,
      })
      fresh.set(account.id, { name, client_id: application.client_id, client_secret })
      return undefined
    }),
    onForm(`${PATH}/delete`, (account, form) => {
      const application = applicationsOf(forge, account).find((one) => isNamedBy(one, form))
      if (application) deleteApplication(forge, application)
      return undefined
    }),
    onForm(`${PATH}/revoke`, (account, form) => {
      const grant = grantsOf(forge, account).find((one) => isNamedBy(one, form))
      if (grant) revokeGrant(forge, grant)
      return undefined
    }),
  ]
}

function sendApplications(
  forge: Forge,
  exchange: Exchange,
  visitor: Visitor,
  account: Account,
  news: { created?: NewSecret | undefined; problem?: string },
): void {
  const applications = applicationsOf(forge, account)
  const grants = grantsOf(forge, account)
  const query = exchange.url.searchParams
  sendPage(exchange.response, {
    status: news.problem ? 422 : 200,
    title: 'OAuth2 applications',
    visitor,
    body: html`<h1>OAuth2 applications</h1>
      ${news.created && createdSecret(news.created)}
      ${news.problem && html`<p class="alert" role="alert">${news.problem}</p>`}
      <section class="card"><h2>May act for you</h2>
      ${grants.length === 0 ? html`<p class="empty">You have not authorized any application yet. One that needs you will ask.</p>` : html`<ul class="rows">${grants.map((grant) => grantRow(forge, visitor, grant))}</ul>`}</section>
      <section class="card"><h2>Registered by you</h2>
      ${applications.length === 0 ? html`<p class="empty">You have not registered any application yet. Register the first one below.</p>` : html`<ul class="rows">${applications.map((one) => applicationRow(forge, visitor, one))}</ul>`}</section>
      <section class="card"><h2>Register an application</h2>
      <form method="post" action="${PATH}" class="stack">${formToken(visitor)}
        <label>Name <input name="name" value="${query.get('name') ?? ''}" maxlength="255" required></label>
        <label>Redirect URI <input name="redirect_uris" type="url" value="${query.get('redirect_uri') ?? ''}" required></label>
        <label class="check"><input name="confidential_client" type="checkbox" checked> Confidential client: it can keep a secret</label>
        <button>Register application</button>
      </form></section>`,
  })
}

function createdSecret({ name, client_id, client_secret }: NewSecret): Html {
  return html`<section class="card fresh" role="status"><h2>Your new application: ${name}</h2>
    <p>Copy the client secret now. It is shown this once only. A click selects all of it.</p>
    <p class="field">Client ID <code class="secret" id="client-id">${client_id}</code></p>
    <p class="field">Client secret <code class="secret" id="client-secret">${client_secret}</code></p></section>`
}

function applicationRow(forge: Forge, visitor: Visitor, application: Application): Html {
  return html`<li><div><strong>${application.name}</strong>
    <p class="quiet">Client ID <code>${application.client_id}</code></p>
    <p class="quiet">sends people to ${application.redirect_uris.join(', ')}, registered ${timeAgo(application.created_at, forge.now())}</p></div>
    ${rowForm(visitor, 'delete', application.id, `Delete ${application.name}: nobody can sign in with it any more`, 'Delete')}</li>`
}

function grantRow(forge: Forge, visitor: Visitor, grant: Grant): Html {
  const application = forge.state.applications.find((one) => one.id === grant.application_id)
  const name = application?.name ?? 'A deleted application'
  return html`<li><div><strong>${name}</strong><p class="quiet">${grant.scope || 'everything you can do'}</p></div>
    ${rowForm(visitor, 'revoke', grant.id, `Revoke ${name}: its tokens stop working`, 'Revoke')}</li>`
}

function rowForm(visitor: Visitor, act: string, id: number, label: string, words: string): Html {
  return html`<form method="post" action="${PATH}/${act}">${formToken(visitor)}<input type="hidden" name="id" value="${id}">
    <button class="danger" aria-label="${label}">${words}</button></form>`
}

function applicationProblem(name: string, redirect_uris: string[]): string | undefined {
  if (name === '') return 'The application has no name. Give it one that people will recognise.'
  const good = redirect_uris.length > 0 && redirect_uris.every((uri) => URL.canParse(uri))
  return good ? undefined : 'The redirect URI is not a URL. Copy it from the application.'
}

function isNamedBy(row: { id: number }, form: URLSearchParams): boolean {
  return String(row.id) === form.get('id')
}
