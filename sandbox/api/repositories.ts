import { findAccount } from '../accounts.ts'
import { param, sendJson } from '../http.ts'
import {
  createRepository,
  findRepository,
  listCommits,
  ownerOf,
  permissionOf,
  repositoryFolder,
} from '../repositories.ts'
import type { Account, Forge, Permission, Repository } from '../state.ts'
import {
  type ApiCall,
  ApiError,
  type ApiOperation,
  notFound,
  pageOf,
  readJson,
} from './api-route.ts'
import { commitShape, repositoryShape } from './shapes.ts'

/** Gitea's API for repositories. */
export function repositoryOperations(forge: Forge): ApiOperation[] {
  return [
    {
      method: 'GET',
      pattern: '/user/repos',
      scopes: [['user'], ['repository']],
      signed_in: true,
      handle: async (call) => sendJson(call.response, 200, await mine(forge, call)),
    },
    {
      method: 'POST',
      pattern: '/user/repos',
      scopes: [['user'], ['repository']],
      signed_in: true,
      handle: (call) => create(forge, call),
    },
    {
      method: 'GET',
      pattern: '/repos/search',
      scopes: [['repository']],
      signed_in: false,
      async handle(call) {
        const wanted = (call.url.searchParams.get('q') ?? '').toLowerCase()
        const found = visible(forge, call).filter((one) => one.name.toLowerCase().includes(wanted))
        sendJson(call.response, 200, { ok: true, data: await shapes(forge, call, found) })
      },
    },
    {
      method: 'GET',
      pattern: '/repos/issues/search',
      scopes: [['issue']],
      signed_in: false,
      handle: ({ response }) => sendJson(response, 200, []),
    },
    {
      method: 'GET',
      pattern: '/repos/{owner}/{repo}',
      scopes: [['repository']],
      signed_in: false,
      async handle(call) {
        const { repository } = repositoryInPath(forge, call)
        sendJson(call.response, 200, await shape(forge, call, repository))
      },
    },
    {
      method: 'GET',
      pattern: '/repos/{owner}/{repo}/commits',
      scopes: [['repository']],
      signed_in: false,
      handle: (call) => commits(forge, call),
    },
    {
      method: 'PUT',
      pattern: '/repos/{owner}/{repo}/collaborators/{collaborator}',
      scopes: [['repository']],
      signed_in: true,
      handle: (call) => setCollaborator(forge, call),
    },
  ]
}

function repositoryInPath(forge: Forge, call: ApiCall): { owner: Account; repository: Repository } {
  const owner_login = param(call, 'owner')
  if (!findAccount(forge, owner_login)) {
    throw notFound('GetUserByName', [`user redirect does not exist [name: ${owner_login}]`])
  }
  const found = findRepository(forge, owner_login, param(call, 'repo'))
  if (!found || !permissionOf(found.repository, call.caller?.account)) throw notFound()
  if (call.public_only && found.repository.private) {
    throw new ApiError(403, 'token scope is limited to public repos')
  }
  return found
}

async function create(forge: Forge, call: ApiCall): Promise<void> {
  const wish = await readJson(call)
  const { name, description, default_branch } = wish
  if (typeof name !== 'string' || name === '') throw new ApiError(422, '[Name]: Required')
  if (!/^[\w.-]+$/.test(name)) throw new ApiError(422, '[Name]: AlphaDashDot')
  if (name.length > 100) throw new ApiError(422, '[Name]: MaxSize')
  if (/^\.+$|\.(git|wiki|rss|atom)$/i.test(name)) {
    throw new ApiError(422, `name pattern is not allowed [pattern: ${name}]`)
  }
  if (findRepository(forge, call.account.login, name)) {
    throw new ApiError(409, 'The repository with the same name already exists.')
  }
  const repository = await createRepository(forge, call.account, {
    name,
    description: typeof description === 'string' ? description : '',
    private: wish.private === true,
    auto_init: wish.auto_init === true,
    default_branch: typeof default_branch === 'string' ? default_branch : '',
  })
  sendJson(call.response, 201, await shape(forge, call, repository))
}

async function commits(forge: Forge, call: ApiCall): Promise<void> {
  const { owner, repository } = repositoryInPath(forge, call)
  const folder = repositoryFolder(forge, owner, repository)
  const sha = call.url.searchParams.get('sha')
  const { limit, skip } = pageOf(call.url)
  if (!(await listCommits(folder, repository.default_branch, 1))) {
    throw new ApiError(409, 'Git Repository is empty.')
  }
  const list = await listCommits(folder, sha || repository.default_branch, limit, skip)
  if (!list) throw notFound(`object does not exist [id: ${sha}, rel_path: ]`)
  const full_name = `${owner.login}/${repository.name}`
  sendJson(
    call.response,
    200,
    list.map((commit) => commitShape(forge, full_name, commit)),
  )
}

async function setCollaborator(forge: Forge, call: ApiCall): Promise<void> {
  const { repository } = repositoryInPath(forge, call)
  const mine = permissionOf(repository, call.account)
  if (mine !== 'owner' && mine !== 'admin') {
    throw new ApiError(
      403,
      'user should be an owner or a collaborator with admin write of a repository',
    )
  }
  const login = param(call, 'collaborator')
  const account = findAccount(forge, login)
  if (!account) {
    throw new ApiError(422, `user does not exist [uid: 0, name: ${login}]`)
  }
  const { permission } = await readJson(call)
  const known: readonly unknown[] = ['read', 'write', 'admin'] satisfies Permission[]
  repository.collaborators = [
    ...repository.collaborators.filter((one) => one.account_id !== account.id),
    {
      account_id: account.id,
      permission: known.includes(permission) ? (permission as Permission) : 'write',
    },
  ]
  forge.changed()
  call.response.writeHead(204).end()
}

function visible(forge: Forge, call: ApiCall): Repository[] {
  return forge.state.repositories.filter(
    (one) =>
      permissionOf(one, call.caller?.account) !== undefined && !(call.public_only && one.private),
  )
}

function mine(forge: Forge, call: ApiCall) {
  const own = visible(forge, call).filter(
    (one) =>
      one.owner_id === call.account.id ||
      one.collaborators.some((other) => other.account_id === call.account.id),
  )
  return shapes(forge, call, own)
}

function shapes(forge: Forge, call: ApiCall, repositories: Repository[]) {
  const { limit, skip } = pageOf(call.url)
  const page = repositories.slice(skip, skip + limit)
  call.response.setHeader('x-total-count', repositories.length)
  return Promise.all(page.map((repository) => shape(forge, call, repository)))
}

async function shape(forge: Forge, call: ApiCall, repository: Repository) {
  const folder = repositoryFolder(forge, ownerOf(forge, repository), repository)
  const commits = await listCommits(folder, repository.default_branch, 1)
  return repositoryShape(forge, repository, call.caller?.account, commits === undefined)
}
