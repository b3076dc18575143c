import assert from 'node:assert/strict'
import { after, before, describe } from 'node:test'
import { type ForgeSettings, type Gitea, isGiteaBuilt, startGitea } from './gitea.ts'
import { startSandboxForge } from './sandbox-forge.ts'

/** A token that no forge has issued. */
export const NO_TOKEN = '0'.repeat(40)
/** How a bad credential is refused. */
export const REFUSED = 'invalid username, password or token'

const TOKENS = [
  ['user', ['read:user']],
  ['reader', ['read:repository']],
  ['writer', ['read:user', 'write:repository']],
  ['builder', ['write:user', 'write:repository']],
  ['public', ['public-only', 'read:user', 'read:repository']],
  ['all', ['all']],
] as const

export type Which = (typeof TOKENS)[number][0] | 'dave'

export interface Answer {
  response: Response
  status: number
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: what a forge answers is what the tests find out
  json: any
}

type Request = [path: string, headers?: Record<string, string>, method?: string, body?: unknown]

/**
 * A forge with carol (who has the tokens above, and the repositories `tools`, `secret` and
 * `empty`) and dave (who has a token for everything).
 */
export interface PopulatedForge {
  readonly url: string
  readonly accounts: Gitea
  token(which: Which): string
  bearer(which: Which): { authorization: string }
  call(...request: Request): Promise<Answer>
  /** Insists on a refusal with this status and this `message`. */
  refusal(status: number, message: string, ...request: Request): Promise<void>
}

const FORGES = [
  { name: 'sandbox', start: startSandboxForge, skip: false },
  {
    name: 'Gitea',
    start: startGitea,
    skip: (await isGiteaBuilt()) ? false : 'not built: run node test/forge/build.ts',
  },
]

/** Defines the same tests for the sandbox and for a real Gitea, each as it is set up by default. */
export function describeForges(
  title: string,
  define: (forge: PopulatedForge) => void,
  settings: ForgeSettings = {},
): void {
  for (const { name, start, skip } of FORGES) {
    describe(`${name}: ${title}`, { skip }, () => {
      const tokens = new Map<string, string>()
      let accounts: Gitea
      const forge: PopulatedForge = {
        get url() {
          return accounts.url
        },
        get accounts() {
          return accounts
        },
        token: (which) => tokens.get(which) ?? '',
        bearer: (which) => ({ authorization: `token ${tokens.get(which)}` }),
        call: (...request) => call(accounts.url, ...request),
        async refusal(status, message, ...request) {
          const answer = await call(accounts.url, ...request)
          assert.deepEqual([answer.status, answer.json?.message], [status, message])
        },
      }
      before(async () => {
        accounts = await start(settings)
        await populate(accounts, forge, tokens)
      })
      after(() => accounts?.close())
      define(forge)
    })
  }
}

async function populate(
  accounts: Gitea,
  forge: PopulatedForge,
  tokens: Map<string, string>,
): Promise<void> {
  await accounts.createUser('carol', 'carol-secret', 'carol@example.com', 'Carol Example')
  await accounts.createUser('dave', 'dave-secret', 'dave@example.com', 'Dave Example')
  for (const [which, scopes] of TOKENS) {
    tokens.set(which, await accounts.createToken('carol', 'carol-secret', which, [...scopes]))
  }
  tokens.set('dave', await accounts.createToken('dave', 'dave-secret', 'all', ['all']))
  for (const repository of [
    { name: 'tools', auto_init: true, default_branch: 'main' },
    { name: 'secret', auto_init: true, default_branch: 'main', private: true },
    { name: 'empty' },
  ]) {
    const made = await forge.call('/api/v1/user/repos', forge.bearer('builder'), 'POST', repository)
    assert.equal(made.status, 201, made.text)
  }
}

async function call(
  url: string,
  ...[path, headers = {}, method = 'GET', body]: Request
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    redirect: 'manual',
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const is_json = response.headers.get('content-type')?.startsWith('application/json')
  return { response, status: response.status, text, json: is_json ? JSON.parse(text) : undefined }
}
