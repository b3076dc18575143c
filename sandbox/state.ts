import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

export interface Account {
  id: number
  login: string
  password_hash: string
  full_name: string
  email: string
  is_admin: boolean
  prohibit_login: boolean
  created_at: string
}

export interface AccessToken {
  id: number
  account_id: number
  name: string
  token_hash: string
  token_last_eight: string
  /** Normalised and comma separated, the way Gitea prints it. */
  scope: string
  created_at: string
  updated_at: string
  /** Only the control port sets it: Gitea's own access tokens do not end by themselves. */
  expires_at: string | null
}

export type Permission = 'read' | 'write' | 'admin'

export interface Repository {
  id: number
  owner_id: number
  name: string
  description: string
  private: boolean
  default_branch: string
  created_at: string
  updated_at: string
  collaborators: { account_id: number; permission: Permission }[]
}

export interface Push {
  repository: string
  login: string
  ref: string
  old: string
  new: string
  /** Commits that this push brought in, newest first, at most 200. */
  commits: string[]
  pushed_at: string
}

export interface Application {
  id: number
  account_id: number
  name: string
  client_id: string
  client_secret_hash: string
  confidential_client: boolean
  skip_secondary_authorization: boolean
  redirect_uris: string[]
  created_at: string
}

export interface Grant {
  id: number
  application_id: number
  account_id: number
  scope: string
  counter: number
}

export interface AuthorizationCode {
  code_hash: string
  grant_id: number
  code_challenge: string
  code_challenge_method: string
  expires_at: string
}

export interface State {
  next_id: number
  /** Signs OAuth tokens and form tokens. */
  signing_key: string
  accounts: Account[]
  access_tokens: AccessToken[]
  repositories: Repository[]
  pushes: Push[]
  applications: Application[]
  grants: Grant[]
  authorization_codes: AuthorizationCode[]
  /** Hashes of OAuth tokens that the control port ended early. */
  ended_tokens: string[]
  sessions: { session_hash: string; account_id: number; created_at: string }[]
}

/** What an administrator of a Gitea would set; not kept over a restart. */
export interface Settings {
  /** `[oauth2] INVALIDATE_REFRESH_TOKENS`: a refresh token works once. Gitea's default is false. */
  invalidate_refresh_tokens: boolean
}

/** Everything the forge remembers, and the way to keep it. */
export interface Forge {
  readonly state: State
  readonly settings: Settings
  readonly data_folder: string
  /** Where the forge listens, without a slash at the end. */
  url: string
  now(): Date
  /** Says that `state` changed: it is on disk soon, and at the latest when `flush` returns. */
  changed(): void
  flush(): Promise<void>
}

const SAVE_DELAY_MS = 50

/**
 * Opens the forge's memory in `data_folder` (created when missing). `first_start` is true when
 * nothing was there yet.
 */
export async function openForge(
  data_folder: string,
  now: () => Date,
  settings: Settings = { invalidate_refresh_tokens: true },
): Promise<{ forge: Forge; first_start: boolean }> {
  await mkdir(data_folder, { recursive: true, mode: 0o700 })
  const file = join(data_folder, 'state.json')
  const stored = await readState(file)
  const state = stored ?? emptyState()
  let timer: NodeJS.Timeout | undefined
  let saving: Promise<void> = Promise.resolve()

  function save(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    saving = saving.then(() => writeAtomically(file, JSON.stringify(state)))
    return saving
  }

  const forge: Forge = {
    state,
    settings,
    data_folder,
    url: '',
    now,
    changed() {
      timer ??= setTimeout(save, SAVE_DELAY_MS)
    },
    flush: () => (timer ? save() : saving),
  }
  return { forge, first_start: stored === undefined }
}

/** The next number for a row of any kind. */
export function nextId(state: State): number {
  state.next_id += 1
  return state.next_id
}

function emptyState(): State {
  return {
    next_id: 0,
    signing_key: randomBytes(32).toString('hex'),
    accounts: [],
    access_tokens: [],
    repositories: [],
    pushes: [],
    applications: [],
    grants: [],
    authorization_codes: [],
    ended_tokens: [],
    sessions: [],
  }
}

async function readState(file: string): Promise<State | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as State
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
}
