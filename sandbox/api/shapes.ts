import { avatarHash } from '../avatar.ts'
import type { Commit } from '../repositories.ts'
import { ownerOf, permissionOf } from '../repositories.ts'
import type { AccessToken, Account, Application, Forge, Repository } from '../state.ts'

const NEVER = '0001-01-01T00:00:00Z'

/** An account as Gitea's API prints it. `authed` adds what only the account itself may see. */
export function userShape(forge: Forge, account: Account, authed: boolean) {
  return {
    id: account.id,
    login: account.login,
    login_name: '',
    source_id: 0,
    full_name: account.full_name,
    email: account.email,
    avatar_url: `${forge.url}/avatars/${avatarHash(account.email)}`,
    html_url: `${forge.url}/${account.login}`,
    language: '',
    is_admin: authed && account.is_admin,
    last_login: NEVER,
    created: seconds(account.created_at),
    restricted: false,
    active: authed,
    prohibit_login: authed && account.prohibit_login,
    location: '',
    website: '',
    description: '',
    visibility: 'public',
    followers_count: 0,
    following_count: 0,
    starred_repos_count: 0,
    username: account.login,
  }
}

/** A repository as Gitea's API prints it, with what `account` may do in it. */
export function repositoryShape(
  forge: Forge,
  repository: Repository,
  account: Account | undefined,
  empty: boolean,
) {
  const owner = ownerOf(forge, repository)
  const full_name = `${owner.login}/${repository.name}`
  const permission = permissionOf(repository, account)
  return {
    id: repository.id,
    owner: userShape(forge, owner, false),
    name: repository.name,
    full_name,
    description: repository.description,
    empty,
    private: repository.private,
    fork: false,
    template: false,
    mirror: false,
    archived: false,
    size: 0,
    html_url: `${forge.url}/${full_name}`,
    url: `${forge.url}/api/v1/repos/${full_name}`,
    clone_url: `${forge.url}/${full_name}.git`,
    default_branch: repository.default_branch,
    created_at: seconds(repository.created_at),
    updated_at: seconds(repository.updated_at),
    permissions: {
      admin: permission === 'owner' || permission === 'admin',
      push: permission !== undefined && permission !== 'read',
      pull: permission !== undefined,
    },
    internal: false,
    object_format_name: 'sha1',
    topics: [],
    licenses: [],
  }
}

/** An access token in a list: the value itself is never shown again. */
export function tokenShape(token: AccessToken) {
  return {
    id: token.id,
    name: token.name,
    sha1: '',
    token_last_eight: token.token_last_eight,
    scopes: token.scope.split(','),
    created_at: seconds(token.created_at),
    last_used_at: seconds(token.updated_at),
  }
}

export function commitShape(forge: Forge, full_name: string, commit: Commit) {
  const api = `${forge.url}/api/v1/repos/${full_name}/git`
  const author = forge.state.accounts.find((one) => one.email === commit.author.email)
  const committer = forge.state.accounts.find((one) => one.email === commit.committer.email)
  const created = seconds(commit.committer.date)
  return {
    url: `${api}/commits/${commit.sha}`,
    sha: commit.sha,
    created,
    html_url: `${forge.url}/${full_name}/commit/${commit.sha}`,
    commit: {
      url: `${api}/commits/${commit.sha}`,
      author: { ...commit.author, date: seconds(commit.author.date) },
      committer: { ...commit.committer, date: created },
      message: commit.message,
      tree: { url: `${api}/trees/${commit.tree}`, sha: commit.tree, created },
    },
    author: author ? userShape(forge, author, false) : null,
    committer: committer ? userShape(forge, committer, false) : null,
    parents: commit.parents.map((sha) => ({ url: `${api}/commits/${sha}`, sha, created: NEVER })),
  }
}

/** An OAuth2 application; the secret is only there in the answer that created it. */
export function applicationShape(application: Application, client_secret = '') {
  return {
    id: application.id,
    name: application.name,
    client_id: application.client_id,
    client_secret,
    confidential_client: application.confidential_client,
    skip_secondary_authorization: application.skip_secondary_authorization,
    redirect_uris: application.redirect_uris,
    created: seconds(application.created_at),
  }
}

/** Gitea prints times in whole seconds. */
function seconds(time: string): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
}
