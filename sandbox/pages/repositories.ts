import { findAccount } from '../accounts.ts'
import { type Exchange, param, type Route, redirect } from '../http.ts'
import {
  type Commit,
  createRepository,
  findRepository,
  listCommits,
  listFiles,
  ownerOf,
  permissionOf,
  repositoryFolder,
} from '../repositories.ts'
import type { Account, Forge, Repository } from '../state.ts'
import { type Html, html, timeAgo } from './html.ts'
import { avatar, formToken, sendNotFound, sendPage } from './layout.ts'
import { readOwnForm, requireAccount, type Visitor, visitorOf } from './session.ts'

const COMMITS_SHOWN = 50

/** The dashboard, profiles, repositories, and the form for a new one. */
export function repositoryPages(forge: Forge): Route[] {
  return [
    { method: 'GET', pattern: '/', handle: (exchange) => sendDashboard(forge, exchange) },
    {
      method: 'GET',
      pattern: '/repo/create',
      handle(exchange) {
        const who = requireAccount(forge, exchange)
        if (who) sendNewRepository(exchange, who.visitor)
      },
    },
    { method: 'POST', pattern: '/repo/create', handle: (exchange) => create(forge, exchange) },
    { method: 'GET', pattern: '/{login}', handle: (exchange) => sendProfile(forge, exchange) },
    {
      method: 'GET',
      pattern: '/{owner}/{repo}',
      handle: (exchange) => sendRepository(forge, exchange),
    },
  ]
}

function sendDashboard(forge: Forge, exchange: Exchange): void {
  const who = requireAccount(forge, exchange)
  if (!who) return
  const mine = forge.state.repositories.filter(
    (one) =>
      one.owner_id === who.account.id ||
      one.collaborators.some((other) => other.account_id === who.account.id),
  )
  sendPage(exchange.response, {
    title: 'Your repositories',
    visitor: who.visitor,
    body: html`<div class="head"><h1>Your repositories</h1><a class="button" href="/repo/create">New repository</a></div>
      ${repositoryList(forge, mine, 'You have no repository yet. Create one to push to.')}
      <section class="card"><h2>Next: a token for Countersign</h2>
      <p>Generate an access token that may read your account and write to repositories, then paste it into Countersign.</p>
      <p><a class="button" href="/user/settings/applications?name=countersign&amp;scopes=read:user,write:repository">Generate a token</a></p></section>`,
  })
}

function sendProfile(forge: Forge, exchange: Exchange): void {
  const visitor = visitorOf(forge, exchange)
  const account = findAccount(forge, param(exchange, 'login'))
  if (!account) {
    sendNotFound(exchange.response, visitor)
    return
  }
  const shown = forge.state.repositories.filter(
    (one) => one.owner_id === account.id && permissionOf(one, visitor.account),
  )
  sendPage(exchange.response, {
    title: account.full_name || account.login,
    visitor,
    body: html`<div class="profile">${avatar(account.email, 72)}<div><h1>${account.full_name || account.login}</h1><p class="quiet">${account.login} · ${account.email}</p></div></div>
      ${repositoryList(forge, shown, `${account.login} has no repository that you can see.`)}`,
  })
}

async function sendRepository(forge: Forge, exchange: Exchange): Promise<void> {
  const visitor = visitorOf(forge, exchange)
  const found = findRepository(forge, param(exchange, 'owner'), param(exchange, 'repo'))
  if (!found || !permissionOf(found.repository, visitor.account)) {
    return sendNotFound(exchange.response, visitor)
  }
  const { owner, repository } = found
  const folder = repositoryFolder(forge, owner, repository)
  const commits = (await listCommits(folder, repository.default_branch, COMMITS_SHOWN)) ?? []
  const files = await listFiles(folder, repository.default_branch)
  const full_name = `${owner.login}/${repository.name}`
  sendPage(exchange.response, {
    title: full_name,
    visitor,
    body: html`<h1><a href="/${owner.login}">${owner.login}</a> / ${repository.name} ${visibility(repository)}</h1>
      <p class="quiet">${repository.description}</p>
      <p class="field">Clone URL <code class="secret">${forge.url}/${full_name}.git</code></p>
      <section class="card"><h2>Commits on ${repository.default_branch}</h2>
      ${commits.length === 0 ? html`<p class="empty">Nothing was pushed yet. Clone the repository, commit, and push.</p>` : html`<ol class="rows">${commits.map((commit) => commitRow(forge, full_name, commit))}</ol>`}</section>
      <section class="card"><h2>Files</h2>
      ${files.length === 0 ? html`<p class="empty">No files yet.</p>` : html`<ul class="files">${files.map((file) => html`<li><code>${file}</code></li>`)}</ul>`}</section>`,
  })
}

function commitRow(forge: Forge, full_name: string, commit: Commit): Html {
  const push = forge.state.pushes.find(
    (one) => one.repository === full_name && one.commits.includes(commit.sha),
  )
  const pusher = push && findAccount(forge, push.login)
  const [subject = ''] = commit.message.split('\n')
  return html`<li class="commit">
    <div><strong>${subject}</strong><p class="quiet">by ${commit.author.name} &lt;${commit.author.email}&gt; ${timeAgo(commit.author.date, forge.now())}</p></div>
    <p class="pushed">${pusher ? html`pushed by <a class="who" href="/${pusher.login}">${avatar(pusher.email)}${pusher.login}</a>` : html`<span class="quiet">created here</span>`}</p>
    <code>${commit.sha.slice(0, 10)}</code>
  </li>`
}

function repositoryList(forge: Forge, repositories: Repository[], empty: string): Html {
  if (repositories.length === 0) return html`<p class="card empty">${empty}</p>`
  const latest = repositories.toSorted((one, other) =>
    other.updated_at.localeCompare(one.updated_at),
  )
  return html`<ul class="card rows">${latest.map((repository) => repositoryRow(forge, repository))}</ul>`
}

function repositoryRow(forge: Forge, repository: Repository): Html {
  const full_name = `${ownerOf(forge, repository).login}/${repository.name}`
  return html`<li><div><a href="/${full_name}"><strong>${full_name}</strong></a> ${visibility(repository)}
    <p class="quiet">${repository.description}</p></div>
    <p class="quiet">updated ${timeAgo(repository.updated_at, forge.now())}</p></li>`
}

function visibility(repository: Repository): Html {
  return html`<span class="tag">${repository.private ? 'private' : 'public'}</span>`
}

function sendNewRepository(exchange: Exchange, visitor: Visitor, problem?: string): void {
  sendPage(exchange.response, {
    status: problem ? 422 : 200,
    title: 'New repository',
    visitor,
    body: html`<section class="card narrow"><h1>New repository</h1>
      ${problem && html`<p class="alert" role="alert">${problem}</p>`}
      <form method="post" action="/repo/create" class="stack">${formToken(visitor)}
        <label>Name <input name="name" pattern="[A-Za-z0-9_.\\-]+" maxlength="100" autocapitalize="none" required autofocus></label>
        <label>Description <input name="description" maxlength="2048"></label>
        <label class="check"><input type="checkbox" name="private" value="yes"> Private: only you and people you add can see it</label>
        <label class="check"><input type="checkbox" name="auto_init" value="yes" checked> Start with a README.md</label>
        <button>Create repository</button>
      </form></section>`,
  })
}

async function create(forge: Forge, exchange: Exchange): Promise<void> {
  const who = requireAccount(forge, exchange)
  const form = who && (await readOwnForm(forge, exchange))
  if (!form) return
  const name = form.get('name') ?? ''
  const problem = nameProblem(forge, who.account, name)
  if (problem) return sendNewRepository(exchange, who.visitor, problem)
  await createRepository(forge, who.account, {
    name,
    description: form.get('description') ?? '',
    private: form.get('private') === 'yes',
    auto_init: form.get('auto_init') === 'yes',
  })
  redirect(exchange.response, `/${who.account.login}/${name}`)
}

function nameProblem(forge: Forge, account: Account, name: string): string | undefined {
  if (!/^[\w.-]{1,100}$/.test(name) || /^\.+$|\.(git|wiki)$/i.test(name)) {
    return 'A name has letters, digits, dots, dashes and underscores. Choose another one.'
  }
  return findRepository(forge, account.login, name)
    ? `You already have a repository called ${name}. Choose another name.`
    : undefined
}
