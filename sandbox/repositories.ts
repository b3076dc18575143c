import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { accountById, findAccount } from './accounts.ts'
import { git } from './git.ts'
import { type Account, type Forge, nextId, type Permission, type Repository } from './state.ts'

export interface Commit {
  sha: string
  tree: string
  parents: string[]
  author: Person
  committer: Person
  message: string
}

export interface Person {
  name: string
  email: string
  date: string
}

export interface NewRepository {
  name: string
  description?: string
  private?: boolean
  default_branch?: string
  /** Starts with one commit that holds a README.md. */
  auto_init?: boolean
}

/** Creates a bare repository on disk and registers it. The caller made sure the name is free. */
export async function createRepository(
  forge: Forge,
  owner: Account,
  wish: NewRepository,
): Promise<Repository> {
  const now = forge.now().toISOString()
  const repository: Repository = {
    id: nextId(forge.state),
    owner_id: owner.id,
    name: wish.name,
    description: wish.description ?? '',
    private: wish.private ?? false,
    default_branch: wish.default_branch || 'main',
    created_at: now,
    updated_at: now,
    collaborators: [],
  }
  const folder = repositoryFolder(forge, owner, repository)
  await mkdir(folder, { recursive: true })
  await git(folder, [
    'init',
    '--quiet',
    '--bare',
    // No examples of hooks: none in a repository is ever run.
    '--template=',
    `--initial-branch=${repository.default_branch}`,
  ])
  if (wish.auto_init) await commitReadme(forge, owner, repository, folder)
  forge.state.repositories.push(repository)
  forge.changed()
  return repository
}

/** Finds a repository by owner and name, whatever the case and with or without `.git`. */
export function findRepository(
  forge: Forge,
  owner_login: string,
  name: string,
): { owner: Account; repository: Repository } | undefined {
  const owner = findAccount(forge, owner_login)
  const wanted = name.replace(/\.git$/, '').toLowerCase()
  const repository = forge.state.repositories.find(
    (one) => one.owner_id === owner?.id && one.name.toLowerCase() === wanted,
  )
  return owner && repository ? { owner, repository } : undefined
}

/** What an account (or nobody) may do with a repository; undefined means it must not see it. */
export function permissionOf(
  repository: Repository,
  account: Account | undefined,
): 'owner' | Permission | undefined {
  if (account && (account.id === repository.owner_id || account.is_admin)) return 'owner'
  const collaborator = repository.collaborators.find((one) => one.account_id === account?.id)
  return collaborator?.permission ?? (repository.private ? undefined : 'read')
}

export function repositoryFolder(forge: Forge, owner: Account, repository: Repository): string {
  return join(
    forge.data_folder,
    'repositories',
    owner.login.toLowerCase(),
    `${repository.name.toLowerCase()}.git`,
  )
}

export function ownerOf(forge: Forge, repository: Repository): Account {
  const owner = accountById(forge, repository.owner_id)
  if (!owner) throw new Error(`repository ${repository.id} has no owner`)
  return owner
}

/** Commits reachable from `revision`, newest first; undefined when there is no such revision. */
export async function listCommits(
  folder: string,
  revision: string,
  limit: number,
  skip = 0,
): Promise<Commit[] | undefined> {
  const sha = await resolveCommit(folder, revision)
  if (sha === undefined) return undefined
  const format = ['%H', '%T', '%P', '%an', '%ae', '%aI', '%cn', '%ce', '%cI', '%B'].join('%x1f')
  const log = await git(folder, [
    'log',
    '-z',
    `--format=${format}`,
    `--max-count=${limit}`,
    `--skip=${skip}`,
    sha,
  ])
  return log.split('\0').filter(Boolean).map(parseCommit)
}

/** Names of the files and folders at the top of `revision`; folders end with a slash. */
export async function listFiles(folder: string, revision: string): Promise<string[]> {
  const sha = await resolveCommit(folder, revision)
  if (sha === undefined) return []
  const tree = await git(folder, ['ls-tree', '-z', sha])
  return tree
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [meta = '', name = ''] = line.split('\t')
      return meta.includes(' tree ') ? `${name}/` : name
    })
}

async function resolveCommit(folder: string, revision: string): Promise<string | undefined> {
  try {
    const sha = await git(folder, [
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${revision}^{commit}`,
    ])
    return sha.trim()
  } catch {
    return undefined
  }
}

async function commitReadme(
  forge: Forge,
  owner: Account,
  repository: Repository,
  folder: string,
): Promise<void> {
  const text = `# ${repository.name}\n${repository.description ? `\n${repository.description}\n` : ''}`
  const date = forge.now().toISOString()
  const environment = {
    GIT_AUTHOR_NAME: owner.full_name || owner.login,
    GIT_AUTHOR_EMAIL: owner.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: owner.full_name || owner.login,
    GIT_COMMITTER_EMAIL: owner.email,
    GIT_COMMITTER_DATE: date,
  }
  const blob = await git(folder, ['hash-object', '-w', '--stdin'], { input: text })
  const tree = await git(folder, ['mktree'], { input: `100644 blob ${blob.trim()}\tREADME.md\n` })
  const commit = await git(folder, ['commit-tree', '-m', 'Initial commit', tree.trim()], {
    environment,
  })
  await git(folder, ['update-ref', `refs/heads/${repository.default_branch}`, commit.trim()])
}

function parseCommit(record: string): Commit {
  const [sha, tree, parents, an, ae, ad, cn, ce, cd, ...message] = record.split('\x1f')
  return {
    sha: sha ?? '',
    tree: tree ?? '',
    parents: (parents ?? '').split(' ').filter(Boolean),
    author: { name: an ?? '', email: ae ?? '', date: ad ?? '' },
    committer: { name: cn ?? '', email: ce ?? '', date: cd ?? '' },
    message: message.join('\x1f').trimStart(),
  }
}
