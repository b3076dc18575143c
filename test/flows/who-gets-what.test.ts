import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import {
  addressOf,
  type CallInput,
  callbackPath,
  type Endpoint,
  type EndpointName,
  EVENTS_PATH,
  endpoints,
  type Input,
  type Person,
  type ProblemType,
} from '../../src/contract/index.ts'
import { sealBox } from '../../src/seal/box.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { ALICE } from '../harness/granted.ts'
import { authorizeWithOAuth, beginOAuth, registerClient } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { assertProblem } from '../harness/problems.ts'

/** Every route there is, called by everybody there is: a new one does not pass without its line. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const spareForge = await startForge()
after(() => spareForge[Symbol.asyncDispose]())
const { admin, database, forge, page_url, provider, vault_url } = countersign
const [owner, other, leaver] = (await Promise.all(
  ['owner', 'other', 'leaver'].map(countersign.person),
)) as [PersonClient, PersonClient, PersonClient]

const { runtime, key } = await countersign.runtime()
const elsewhere = await countersign.runtime()
const spare = await countersign.runtime('spare')
await admin.api.createRuntimeKey({ params: { id: spare.runtime.id } })
const row = { runtime_id: runtime.id, provider_id: provider.id }
const granted = { runtime_id: elsewhere.runtime.id, provider_id: provider.id }
const operator = { url: forge.url, token: await forge.token('alice', ['all']) }
const app = await registerClient(admin, operator, granted)
await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
const spareProvider = await admin.api.createProvider({
  body: {
    kind: 'gitea',
    name: 'Spare',
    base_url: spareForge.url,
    private_address_confirmed: true,
  },
})
await admin.addRuntimeToken(row, await forge.token())

/** What is the owner's, and nobody else's. */
const candidate = await owner.addToken(row, await forge.token('bob'))
const access = await owner.access(runtime.id)
const authorization = access.authorization ?? assert.fail('there is no authorization')
const { connection } = authorization
const pending = await beginOAuth(owner, row)
await authorizeWithOAuth(owner, granted, ALICE)
const changed = await authorizeWithOAuth(owner, granted, { login: 'bob', password: 'bob-demo' })
assert.equal(changed.status, 'account_changed')

const invite = await admin.api.createInvite({ body: { role: 'member' } })
const token = invite.url.split('#')[1] ?? ''
const codes = await admin.api.beginDeviceSignIn({ body: { device_name: 'laptop' } })
const { vault_key } = await admin.api.getAccess({ params: row })
const address = {
  purpose: 'code_verifier',
  row_id: randomUUID(),
  owner_id: admin.person.id,
  provider_id: provider.id,
} as const
const code_verifier_box = await sealBox(vault_key, address, 'verifier')

/** Each has its own secret to show, where it has one. */
const callers = {
  nobody: {},
  runtime: { authorization: `Bearer ${key}` },
  /** Nobody has authorized it. */
  otherRuntime: { authorization: `Bearer ${spare.key}` },
  other: { cookie: other.cookie },
  admin: { cookie: admin.cookie },
  owner: { cookie: owner.cookie },
} as const
type CallerName = keyof typeof callers
const people: Partial<Record<CallerName, Person>> = {
  other: other.person,
  admin: admin.person,
  owner: owner.person,
}
const actors: Partial<Record<CallerName, string>> = {
  ...Object.fromEntries(Object.entries(people).map(([caller, { id }]) => [caller, id])),
  runtime: runtime.id,
}

/** A status, where it is an answer, or the problem. */
type Answer = number | ProblemType
type Answers = Record<CallerName, Answer>

const everybody = (answer: Answer): Answers => ({
  nobody: answer,
  runtime: answer,
  otherRuntime: answer,
  other: answer,
  admin: answer,
  owner: answer,
})
const signedIn = (answer: Answer): Answers => ({
  ...everybody(answer),
  nobody: 'not-signed-in',
  runtime: 'not-signed-in',
  otherRuntime: 'not-signed-in',
})
/** Administrators get no more of it than anybody else. */
const ofOwner = (answer: Answer, forOthers: Answer = 'not-found'): Answers => ({
  ...signedIn(forOthers),
  owner: answer,
})
const administrators = (answer: Answer): Answers => ({
  ...signedIn('not-an-administrator'),
  admin: answer,
})
const runtimes = (answer: Answer, forOthers: Answer = answer): Answers => ({
  ...everybody('runtime-key-invalid'),
  runtime: answer,
  otherRuntime: forOthers,
})

type Line<Name extends EndpointName> = [
  answers: Answers,
  input?: Input<Name> | ((caller: Person | undefined) => Input<Name>),
]

const newId = () => randomUUID()
const beginning = () => ({
  id: newId(),
  ...row,
  state: newId().padEnd(43, 'x'),
  code_challenge: 'x'.repeat(43),
  code_verifier_box,
})
const asOwner = {
  person: owner.person.email,
  protocol: 'http',
  host: new URL(forge.url).host,
} as const
const byId = (id: string) => ({ params: { id } })

/** In this order: what ends something comes after what needs it. */
const table: { [Name in EndpointName]: Line<Name> } = {
  getSession: [everybody(200)],
  signIn: [everybody('sign-in-failed'), { body: { email: owner.person.email, password: 'x' } }],
  readInvite: [everybody(200), { body: { token } }],
  acceptInvite: [
    everybody('email-taken'),
    { body: { token, name: 'X', email: owner.person.email, password: 'a few words more' } },
  ],
  beginDeviceSignIn: [everybody(201), { body: { device_name: 'x' } }],
  redeemDeviceSignIn: [everybody('device-code-expired'), { body: { device_code: 'x' } }],
  // Whoever reads it aloud to somebody else gives it away: so it is for whoever has the code.
  readDeviceSignIn: [signedIn(200), { body: { user_code: codes.user_code } }],
  answerDeviceSignIn: [
    signedIn('device-code-unknown'),
    { body: { user_code: 'BBBB-BBBB', approved: true } },
  ],
  updateAccount: [signedIn(200), { body: { name: 'Somebody' } }],
  changePassword: [
    signedIn('password-wrong'),
    { body: { current_password: 'x', new_password: 'a few words more' } },
  ],

  listAccess: [signedIn(200), { query: {} }],
  getAccess: [signedIn(200), { params: row }],
  createCandidate: [
    signedIn('candidate-exists'),
    { body: { id: candidate.id, ...row, token: await forge.token('bob') } },
  ],
  getCandidate: [ofOwner(200), byId(candidate.id)],
  createAuthorization: [ofOwner(201), { body: { ...row, connection_id: connection.id } }],
  updateAuthorization: [ofOwner(200), { ...byId(authorization.id), body: { notice_hidden: true } }],
  beginAuthorization: [signedIn(201), () => ({ body: beginning() })],
  beginDeviceAuthorization: [signedIn('device-flow-not-offered'), { body: row }],
  getAuthorizationRequest: [ofOwner(200), byId(pending.request.id)],
  confirmAuthorizationRequest: [ofOwner(202), byId(changed.id)],
  cancelAuthorizationRequest: [ofOwner(204), byId(pending.request.id)],
  checkConnection: [ofOwner(202), byId(connection.id)],
  listRevocations: [signedIn(200), { query: {} }],

  issueCredential: [runtimes(200, 'authorization-missing'), { body: asOwner }],
  reportCredential: [runtimes(204, 'authorization-missing'), { body: asOwner }],
  readRepositoryAccess: [
    runtimes(200, 'authorization-missing'),
    { body: { ...asOwner, path: 'alice/hello.git' } },
  ],
  getRuntimeView: [runtimes(200), { query: { person: owner.person.email } }],

  listProviders: [administrators(200), { query: {} }],
  getProvider: [administrators(200), byId(spareProvider.id)],
  updateProvider: [administrators(200), { ...byId(spareProvider.id), body: { name: 'Mine' } }],
  deleteProvider: [administrators(204), byId(spareProvider.id)],
  createProvider: [
    administrators(201),
    {
      body: {
        kind: 'gitea',
        name: 'Mine',
        base_url: spareForge.url,
        private_address_confirmed: true,
      },
    },
  ],
  getClientForm: [administrators(200), { query: { provider_id: provider.id } }],
  listClients: [administrators(200), { query: {} }],
  putClient: [
    administrators('client-exists'),
    { body: { id: newId(), provider_id: provider.id, client_id: 'x', client_secret: 'x' } },
  ],
  testClient: [administrators(202), byId(app.id)],
  listRuntimes: [administrators(200), { query: {} }],
  getRuntime: [administrators(200), byId(runtime.id)],
  createRuntime: [administrators(201), { body: { name: 'mine', provider_ids: [] } }],
  updateRuntime: [administrators(200), { ...byId(runtime.id), body: { description: 'mine' } }],
  listRuntimeProviders: [administrators(200), { ...byId(runtime.id), query: {} }],
  updateRuntimeProvider: [administrators(200), { params: row, body: { skip_validation: true } }],
  createRuntimeKey: [administrators(201), byId(elsewhere.runtime.id)],
  deleteRuntimeKey: [
    administrators(204),
    { params: { id: spare.runtime.id, key_id: spare.runtime.keys[0]?.id ?? '' } },
  ],
  listRuntimeTokens: [administrators(200), { ...byId(runtime.id), query: {} }],
  getRuntimeToken: [administrators(200), { params: row }],
  createRuntimeCandidate: [
    administrators('candidate-exists'),
    { body: { id: candidate.id, ...row, token: await forge.token() } },
  ],
  beginRuntimeAuthorization: [administrators(201), () => ({ body: beginning() })],
  checkRuntimeToken: [administrators(202), { params: row }],
  deleteRuntimeToken: [administrators(204), { params: row }],
  listRuntimeRevocations: [administrators(200), { ...byId(runtime.id), query: {} }],
  listPeople: [administrators(200), { query: {} }],
  // Of themselves: it is what everybody would like to be.
  updatePerson: [
    administrators(200),
    (caller) => ({ ...byId(caller?.id ?? leaver.person.id), body: { role: 'admin' } }),
  ],
  deletePerson: [administrators(204), byId(leaver.person.id)],
  listInvites: [administrators(200), { query: {} }],
  createInvite: [administrators(201), { body: { role: 'admin' } }],
  deleteInvite: [administrators(204), byId(invite.invite.id)],
  listAudit: [administrators(200), { query: {} }],

  deleteAuthorization: [ofOwner(204), byId(authorization.id)],
  deleteClient: [administrators(204), byId(app.id)],
  deleteRuntime: [administrators(204), byId(spare.runtime.id)],
  endSessions: [signedIn(204)],
  signOut: [everybody(204)],
}

/** What is not in the contract, by the file and the words that make the route. */
const beside: Record<string, [answers: Answers, path: string]> = {
  'http/routes/events.ts EVENTS_PATH': [signedIn(200), EVENTS_PATH],
  'http/routes/authorizations.ts /api/v1/connections/:id/avatar': [
    ofOwner(200),
    `/api/v1/connections/${connection.id}/avatar`,
  ],
  // It sends everybody on to a page, and says there what is wrong.
  'http/routes/oauth.ts callbackPath(:provider_id)': [
    everybody(303),
    `${callbackPath(provider.id)}?state=x`,
  ],
  'http/routes/health.ts /healthz': [everybody(200), '/healthz'],
  'http/routes/health.ts /readyz': [everybody(200), '/readyz'],
  'http/routes/health.ts /metrics': [everybody(200), '/metrics'],
}

/** None of this is for anybody but the owner, whom runtimes know that they authorized. */
const ofTheOwner = [
  owner.person.id,
  candidate.id,
  authorization.id,
  connection.id,
  pending.request.id,
  changed.id,
]

async function assertAnswer(response: Response, expected: Answer): Promise<string> {
  if (typeof expected === 'number') {
    assert.equal(response.status, expected, response.ok ? '' : await response.clone().text())
  } else {
    await assertProblem(response.clone(), expected)
  }
  return response.headers.get('content-type') === 'text/event-stream' ? '' : await response.text()
}

/** Who did what so far, from where, but for what vaults do later. */
async function done(): Promise<{ actor_id: string | null; ip: string | null }[]> {
  return await database.db
    .selectFrom('audit')
    .select(['actor_id', 'ip'])
    .where('outcome', '=', 'allowed')
    .where('actor_kind', '<>', 'vault')
    .orderBy('id')
    .execute()
}

/** They send something, and change nothing that is anybody's; or nobody is signed in any more. */
const asking = /^(readInvite|beginDeviceSignIn|readDeviceSignIn|signOut)$/

suite('beside the contract', () => {
  for (const [route, [answers, path]] of Object.entries(beside)) {
    for (const caller of Object.keys(callers) as CallerName[]) {
      test(`${route}: ${caller} gets ${answers[caller]}`, async () => {
        const signal = new AbortController()
        const response = await fetch(page_url + path, {
          headers: callers[caller],
          redirect: 'manual',
          signal: signal.signal,
        })
        await assertAnswer(response, answers[caller])
        signal.abort()
      })
    }
  }

  test('there is a line for each', async () => {
    const source = join(import.meta.dirname, '..', '..', 'src')
    const routes: string[] = []
    for await (const path of glob('**/*.ts', { cwd: source })) {
      const text = await readFile(join(source, path), 'utf8')
      const calls = text.matchAll(
        /\bapp\.(?:get|post|put|patch|delete|route|all)\b[^(]*\(\s*([^,\s]+)/g,
      )
      for (const [, address = ''] of calls) routes.push(`${path} ${address.replaceAll("'", '')}`)
    }
    // One is for all that is in the contract.
    const known = [...Object.keys(beside), 'http/bind.ts {']
    assert.deepEqual(routes.toSorted(), known.toSorted())
  })
})

suite('in the contract', () => {
  for (const [name, [answers, input]] of Object.entries(table)) {
    const endpoint: Endpoint = endpoints[name as EndpointName]
    for (const caller of Object.keys(callers) as CallerName[]) {
      const expected = answers[caller]
      test(`${name}: ${caller} gets ${expected}`, async () => {
        const call = typeof input === 'function' ? input(people[caller]) : (input ?? {})
        const { body } = call as { body?: unknown }
        const base = endpoint.role === 'vault' ? vault_url : page_url
        const before = await done()
        const response = await fetch(base + addressOf(endpoint, call as CallInput), {
          method: endpoint.method,
          headers: {
            ...callers[caller],
            // Nobody is to be believed here, as there is no proxy.
            'x-forwarded-for': '203.0.113.9',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: body === undefined ? null : JSON.stringify(body),
        })
        const text = await assertAnswer(response, expected)
        const since = (await done()).slice(before.length)
        const acts = endpoint.method !== 'GET' && !asking.test(name)
        const actor_id = actors[caller]
        if (typeof expected !== 'number') assert.deepEqual(since, [], 'it was done')
        else if (acts && actor_id) {
          assert.deepEqual(since, [{ actor_id, ip: '127.0.0.1' }], 'it was not written down')
        }
        if (/^(nobody|other|otherRuntime)$/.test(caller)) {
          for (const id of ofTheOwner) assert.ok(!text.includes(id), text)
        }
      })
    }
  }

  test('there is a line for each', () => {
    assert.deepEqual(Object.keys(table).toSorted(), Object.keys(endpoints).toSorted())
  })
})
