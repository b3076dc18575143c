import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { DEMO_ACCOUNT } from '../../sandbox/seed.ts'
import { type Candidate, type ProblemType, problemUri } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, provider, forge } = countersign
const { runtime, key } = await countersign.runtime()
const row = { runtime_id: runtime.id, provider_id: provider.id }
const oldToken = await forge.token()
assert.equal((await admin.addToken(row, oldToken)).status, 'accepted')

test('what the forge calls an account is kept short and printable', async () => {
  const { runtime } = await countersign.runtime()
  const place = { ...row, runtime_id: runtime.id }
  const token = await forge.token('alice')
  const names = {
    id: 7,
    login: `ali\u0007ce\u001b[31m${'x'.repeat(400)}`,
    full_name: `Alice\nAuthor: Eve\u2028${'\u{1f600}'.repeat(400)}`,
    email: `alice\r${'x'.repeat(400)}@example.com`,
    avatar_url: '',
  }
  const body = JSON.stringify(names)
  const once = { match: '/api/v1/user', kind: 'answer', body, times: 1 }
  await forge.control('POST', '/control/faults', once)
  assert.equal((await admin.addToken(place, token)).status, 'accepted')
  const { authorization } = await admin.access(runtime.id)
  assert.equal(authorization?.connection.account.login, `alice[31m${'x'.repeat(246)}`)
  assert.equal(authorization.connection.account.name, `AliceAuthor: Eve${'\u{1f600}'.repeat(239)}`)
  await admin.api.deleteRuntime({ params: { id: runtime.id } })
})

const ways = [
  ['sealed', admin.addToken],
  ['in the clear', admin.addTokenInClear],
] as const

interface BadToken {
  name: string
  paste: () => string | Promise<string>
  type: ProblemType
  /** What the sentence must say. */
  says: RegExp
  missing_scopes?: string[]
  expires_at?: string
  /** Told by its looks, so the forge must not be asked. */
  stays_here?: boolean
}

const badTokens: BadToken[] = [
  { name: 'nothing', paste: () => '', type: 'token-empty', says: /Paste/, stays_here: true },
  { name: 'blanks', paste: () => ' \r\n\t ', type: 'token-empty', says: /Paste/, stays_here: true },
  { name: 'empty quotes', paste: () => '""', type: 'token-empty', says: /Paste/, stays_here: true },
  {
    name: '64 KiB of garbage',
    paste: () => 'garbage!'.repeat(8192),
    type: 'token-too-long',
    says: /65,536 characters.* at most 8,192/,
    stays_here: true,
  },
  {
    name: 'garbage that no header can hold',
    paste: () => 'gar\u0000bage \u{1f600}\nabc',
    type: 'token-malformed',
    says: /no spaces/,
    stays_here: true,
  },
  {
    name: 'a password',
    // Another one each time: what was refused a moment ago is not tried again.
    paste: () => `${DEMO_ACCOUNT.password}-${randomUUID()}`,
    type: 'token-rejected',
    says: /password/,
  },
  {
    name: 'a password of several words',
    paste: () => 'correct horse battery staple',
    type: 'token-malformed',
    says: /password/,
    stays_here: true,
  },
  ...[
    ['ghp_', 'GitHub'],
    ['github_pat_', 'GitHub'],
    ['glpat-', 'GitLab'],
    ['ATBB', 'Bitbucket'],
    ['csr_', 'Countersign'],
  ].map(
    ([prefix, owner]): BadToken => ({
      name: `a token that begins with ${prefix}`,
      paste: () => `${prefix}${'a1B2'.repeat(9)}`,
      type: 'token-of-another-provider',
      says: new RegExp(`token of ${owner}`),
      stays_here: true,
    }),
  ),
  {
    name: 'too few scopes',
    paste: () => forge.token('alice', ['read:user', 'read:repository']),
    type: 'token-scopes-missing',
    says: /lacks write:repository\./,
    missing_scopes: ['write:repository'],
  },
  {
    name: 'too few scopes to read the user',
    paste: () => forge.token('alice', ['read:repository']),
    type: 'token-scopes-missing',
    says: /lacks read:user and write:repository\./,
    missing_scopes: ['read:user', 'write:repository'],
  },
  {
    name: 'only a scope that grants nothing by itself',
    paste: () => forge.token('alice', ['public-only']),
    type: 'token-scopes-missing',
    says: /lacks read:user and write:repository\./,
    missing_scopes: ['read:user', 'write:repository'],
  },
  {
    name: 'one that expired at the forge',
    async paste() {
      const sha1 = await forge.token()
      await forge.control('POST', '/control/tokens/expire', { sha1 })
      return sha1
    },
    type: 'token-rejected',
    says: /has expired/,
  },
  {
    name: 'one that the person says has expired',
    paste: () => forge.token(),
    type: 'token-expired',
    says: /new token/,
    expires_at: new Date(Date.now() - 1000).toISOString(),
  },
  {
    name: 'one that was deleted',
    async paste() {
      const sha1 = await forge.token()
      await forge.control('POST', '/control/tokens/revoke', { sha1 })
      return sha1
    },
    type: 'token-rejected',
    says: /deleted/,
  },
  {
    name: 'one of a suspended account',
    async paste() {
      await forge.control('POST', '/control/users/bob/suspend')
      return await forge.token('bob')
    },
    type: 'account-suspended',
    says: /suspended/,
  },
]

for (const [way, handIn] of ways) {
  suite(`a bad token, ${way}, is refused and changes nothing`, () => {
    for (const bad of badTokens) {
      test(bad.name, async () => {
        const before = await everything()
        const paste = await bad.paste()
        const calls = await forge.calls('/api/v1/user')
        const more = bad.expires_at === undefined ? {} : { expires_at: bad.expires_at }
        const problem = await problemOf(handIn(row, paste, more), bad.type)
        assert.match(problem.detail, bad.says)
        assert.deepEqual(problem.missing_scopes, bad.missing_scopes)
        assert.equal((await forge.calls('/api/v1/user')) === calls, bad.stays_here ?? false)
        assert.deepEqual(await everything(), before)
      })
    }
  })

  suite(`what a paste adds around a token, ${way}, is taken away and told`, () => {
    const spaces = /^Spaces or line breaks/
    const quotes = /^Quotes/
    const pastes: [string, (token: string) => string, RegExp[]][] = [
      ['spaces', (token) => `  ${token}\t`, [spaces]],
      ['line breaks', (token) => `\r\n${token}\n\n`, [spaces]],
      ['double quotes', (token) => `"${token}"`, [quotes]],
      ['single quotes, then a line break', (token) => `' ${token} '\n`, [spaces, quotes]],
      ['nothing', (token) => token, []],
    ]
    for (const [name, paste, expected] of pastes) {
      test(name, async () => {
        const { runtime, key } = await countersign.runtime()
        const own = { runtime_id: runtime.id, provider_id: provider.id }
        const token = await forge.token()
        const { status, notes } = await handIn(own, paste(token))
        assert.equal(status, 'accepted')
        assert.equal(notes.length, expected.length, notes.join())
        for (const [index, note] of notes.entries()) assert.match(note, expected[index] ?? /^$/)
        assert.equal(await password(key), token)
      })
    }
  })
}

test('one that was refused a moment ago is not tried again, wherever it is pasted', async () => {
  const { runtime } = await countersign.runtime()
  const elsewhere = { runtime_id: runtime.id, provider_id: provider.id }
  const bad = randomUUID().replaceAll('-', '').padEnd(40, '0')
  const calls = async () => await forge.calls('/api/v1/user')
  const before = await calls()
  const first = await problemOf(admin.addToken(row, bad), 'token-rejected')
  assert.equal((await calls()) - before, 4, 'a refusal is believed when it stands')
  const again = await problemOf(admin.addTokenInClear(elsewhere, bad), 'token-rejected')
  assert.deepEqual(again, first)
  await problemOf(admin.addRuntimeToken(elsewhere, bad), 'token-rejected')
  assert.equal((await calls()) - before, 4)
  assert.equal((await admin.addToken(elsewhere, await forge.token())).status, 'accepted')
})

test('who hands in very many is asked to wait', async () => {
  const eager = await countersign.person('eager')
  const body = { ...row, token: 'a'.repeat(40) }
  const handIn = () => eager.api.createCandidate({ body: { id: randomUUID(), ...body } })
  for (let count = 0; count < 60; count += 1) await handIn()
  const { extensions } = await refusal(handIn(), 'too-many-attempts')
  assert.ok((extensions.retry_after ?? 0) > 200)
  assert.equal((await admin.addToken(row, oldToken)).status, 'accepted', 'others may go on')
})

test('a token comes sealed or in the clear, and not both, nor neither', async () => {
  const body = { id: randomUUID(), ...row }
  await refusal(admin.api.createCandidate({ body }), 'request-invalid')
  await refusal(
    admin.api.createCandidate({ body: { ...body, box: 'csb1', token: oldToken } }),
    'request-invalid',
  )
})

/** The problem of a token that is refused when it arrives, or when a vault has opened it. */
async function problemOf(handedIn: Promise<Candidate>, type: ProblemType) {
  const outcome = await handedIn.catch(async () => await refusal(handedIn, type))
  if (outcome instanceof Error) return outcome.toProblem()
  assert.equal(outcome.status, 'refused')
  assert.equal(outcome.problem?.type, problemUri(type), outcome.problem?.detail)
  return outcome.problem
}

/** All that a refusal must leave as it was. */
async function everything() {
  const { db } = countersign.database
  return {
    access: await admin.access(runtime.id),
    connections: await db.selectFrom('connections').selectAll().orderBy('id').execute(),
    authorizations: await db.selectFrom('authorizations').selectAll().orderBy('id').execute(),
    boxes_left: await db.selectFrom('candidates').where('box', 'is not', null).execute(),
    password: await password(key),
  }
}

async function password(key: string): Promise<string> {
  const { password } = await runtimeClient(countersign.vault_url, key).issueCredential({
    body: { person: admin.person.email, protocol: 'http', host: new URL(forge.url).host },
  })
  return password
}
