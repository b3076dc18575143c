import type { ServerResponse } from 'node:http'
import { avatarHash } from '../avatar.ts'
import type { Account } from '../state.ts'
import { Html, html } from './html.ts'
import type { Visitor } from './session.ts'

export interface Page {
  title: string
  body: Html
  /** Who looks at the page, for the header; nobody when it is not given. */
  visitor?: Visitor
  status?: number
}

/** Sends a whole page: header, banner, `body`. */
export function sendPage(response: ServerResponse, page: Page): void {
  response.writeHead(page.status ?? 200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  })
  response.end(layout(page).text)
}

/** The page for a path that names nothing this visitor may see. */
export function sendNotFound(response: ServerResponse, visitor: Visitor): void {
  sendPage(response, {
    status: 404,
    title: 'Not found',
    visitor,
    body: html`<section class="card narrow">
      <h1>There is nothing here</h1>
      <p>Either this page does not exist, or you are not allowed to see it.</p>
      <p><a class="button" href="/">Go to your repositories</a></p>
    </section>`,
  })
}

/** A small round picture of an account. */
export function avatar(email: string, size = 24): Html {
  return html`<img class="avatar" src="/avatars/${avatarHash(email)}" alt="" width="${size}" height="${size}">`
}

/** The hidden field that proves a form was opened on this forge. */
export function formToken(visitor: Visitor): Html {
  return html`<input type="hidden" name="form_token" value="${visitor.form_token}">`
}

function layout({ title, body, visitor }: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Sandbox forge</title>
<link rel="stylesheet" href="/assets/sandbox.css">
<link rel="icon" href="/avatars/sandbox" type="image/png">
</head>
<body>
<p class="banner">This is a sandbox forge for trying Countersign. Keep nothing here that you need.</p>
<header class="top">
<a class="brand" href="/"><img src="/avatars/sandbox" alt="" width="28" height="28">Sandbox forge</a>
${visitor?.account ? accountMenu(visitor, visitor.account) : signInLink()}
</header>
<main>${body}</main>
</body>
</html>
`
}

function accountMenu(visitor: Visitor, account: Account): Html {
  return html`<nav aria-label="Account">
<a href="/repo/create">New repository</a>
<a href="/user/settings/applications">Access tokens</a>
<a href="/user/settings/oauth2">OAuth2 applications</a>
<a class="who" href="/${account.login}">${avatar(account.email)}${account.login}</a>
<form method="post" action="/user/logout">${formToken(visitor)}<button class="plain">Sign out</button></form>
</nav>`
}

function signInLink(): Html {
  return new Html('<nav aria-label="Account"><a href="/user/login">Sign in</a></nav>')
}
