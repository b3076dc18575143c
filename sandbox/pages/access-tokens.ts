import { createAccessToken, deleteAccessToken } from '../accounts.ts'
import { type Exchange, type Route, redirect } from '../http.ts'
import { SCOPE_CATEGORIES } from '../scopes.ts'
import type { AccessToken, Account, Forge } from '../state.ts'
import { type Html, html, timeAgo } from './html.ts'
import { formToken, sendPage } from './layout.ts'
import { readOwnForm, requireAccount, type Visitor } from './session.ts'

const PATH = '/user/settings/applications'
/** What Countersign needs comes first, the rest folds away. */
const MAIN_CATEGORIES: readonly string[] = ['user', 'repository']

interface NewToken {
  name: string
  sha1: string
}

/**
 * The page of access tokens. Other than Gitea's own it takes `?name=…&scopes=read:user,…` and
 * fills in the form from it.
 */
export function accessTokenPages(forge: Forge): Route[] {
  /** Tokens made a moment ago, to be shown once, by account. */
  const fresh = new Map<number, NewToken>()
  return [
    {
      method: 'GET',
      pattern: PATH,
      handle(exchange) {
        const who = requireAccount(forge, exchange)
        if (!who) return
        const created = fresh.get(who.account.id)
        fresh.delete(who.account.id)
        sendTokens(forge, exchange, who.visitor, who.account, { created })
      },
    },
    {
      method: 'POST',
      pattern: PATH,
      async handle(exchange) {
        const who = requireAccount(forge, exchange)
        const form = who && (await readOwnForm(forge, exchange))
        if (!form) return
        const name = (form.get('name') ?? '').trim()
        const scopes = form.getAll('scope').filter(Boolean)
        const problem = tokenProblem(forge, who.account, name, scopes)
        if (problem) return sendTokens(forge, exchange, who.visitor, who.account, { problem })
        fresh.set(who.account.id, {
          name,
          sha1: createAccessToken(forge, who.account, name, scopes).sha1,
        })
        redirect(exchange.response, PATH)
      },
    },
    {
      method: 'POST',
      pattern: `${PATH}/delete`,
      async handle(exchange) {
        const who = requireAccount(forge, exchange)
        const form = who && (await readOwnForm(forge, exchange))
        if (!form) return
        const id = Number(form.get('id'))
        const own = tokensOf(forge, who.account).some((token) => token.id === id)
        if (own) deleteAccessToken(forge, id)
        redirect(exchange.response, PATH)
      },
    },
  ]
}

function sendTokens(
  forge: Forge,
  exchange: Exchange,
  visitor: Visitor,
  account: Account,
  news: { created?: NewToken | undefined; problem?: string },
): void {
  const query = exchange.url.searchParams
  const wanted = (query.get('scopes') ?? 'read:user,write:repository').split(/[\s,]+/)
  const tokens = tokensOf(forge, account)
  sendPage(exchange.response, {
    status: news.problem ? 422 : 200,
    title: 'Access tokens',
    visitor,
    body: html`<h1>Access tokens</h1>
      ${news.created && createdToken(news.created)}
      ${news.problem && html`<p class="alert" role="alert">${news.problem}</p>`}
      <section class="card"><h2>Generate a token</h2>
      <form method="post" action="${PATH}" class="stack">${formToken(visitor)}
        <label>Name <input name="name" value="${query.get('name') ?? ''}" maxlength="255" required></label>
        <fieldset><legend>What it may do</legend>${MAIN_CATEGORIES.map((one) => scopeChoice(one, wanted))}
        <details${moreAreWanted(wanted) && html` open`}><summary>More scopes</summary>
        ${SCOPE_CATEGORIES.filter((one) => !MAIN_CATEGORIES.includes(one)).map((one) => scopeChoice(one, wanted))}
        <label class="check"><input type="checkbox" name="scope" value="public-only"${wanted.includes('public-only') && html` checked`}> Only what is public</label></details></fieldset>
        <button>Generate token</button>
      </form></section>
      <section class="card"><h2>Your tokens</h2>
      ${tokens.length === 0 ? html`<p class="empty">You have no access token yet. Generate the first one above.</p>` : html`<ul class="rows">${tokens.map((token) => tokenRow(forge, visitor, token))}</ul>`}</section>`,
  })
}

function createdToken({ name, sha1 }: NewToken): Html {
  return html`<section class="card fresh" role="status"><h2>Your new token: ${name}</h2>
    <p>Copy it now. It is shown this once only. A click selects all of it.</p>
    <p class="field">Access token <code class="secret" id="access-token">${sha1}</code></p></section>`
}

function scopeChoice(category: string, wanted: readonly string[]): Html {
  const all = wanted.includes('all')
  const write = all || wanted.includes(`write:${category}`)
  const read = !write && wanted.includes(`read:${category}`)
  return html`<label class="choice"><span>${category}</span><select name="scope" aria-label="${category}">
    <option value="">No access</option>
    <option value="read:${category}"${read && html` selected`}>Read</option>
    <option value="write:${category}"${write && html` selected`}>Read and write</option></select></label>`
}

function moreAreWanted(wanted: readonly string[]): boolean {
  return wanted.some((one) => one && !MAIN_CATEGORIES.includes(one.split(':')[1] ?? ''))
}

function tokenRow(forge: Forge, visitor: Visitor, token: AccessToken): Html {
  const ended = token.expires_at !== null && token.expires_at <= forge.now().toISOString()
  return html`<li><div><strong>${token.name}</strong> ${ended && html`<span class="tag bad">expired</span>`}
    <p class="quiet"><code>…${token.token_last_eight}</code> ${token.scope.replaceAll(',', ', ')}</p>
    <p class="quiet">created ${timeAgo(token.created_at, forge.now())}, last used ${timeAgo(token.updated_at, forge.now())}</p></div>
    <form method="post" action="${PATH}/delete">${formToken(visitor)}<input type="hidden" name="id" value="${token.id}">
    <button class="danger" aria-label="Delete token ${token.name}">Delete</button></form></li>`
}

function tokensOf(forge: Forge, account: Account): AccessToken[] {
  return forge.state.access_tokens.filter((token) => token.account_id === account.id)
}

function tokenProblem(
  forge: Forge,
  account: Account,
  name: string,
  scopes: string[],
): string | undefined {
  if (name === '') return 'The token has no name. Give it one that says where it is used.'
  if (tokensOf(forge, account).some((token) => token.name === name)) {
    return `You already have a token called ${name}. Give this one another name.`
  }
  const can_do_something = scopes.some((scope) => scope !== 'public-only')
  return can_do_something ? undefined : 'The token may do nothing. Choose at least one scope.'
}
