import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { currentVaultKey } from '../../src/authorizations/vault-key.ts'
import { createClient } from '../../src/contract/index.ts'
import { sealBox } from '../../src/seal/box.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { PASSWORD, type PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign({ env: { COUNTERSIGN_TRUST_PROXY: '1' } })
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url, provider, vault_url } = countersign

/** Makes as many attempts as are allowed, then one more. */
async function exhaust(
  most: number,
  attempt: () => Promise<unknown>,
  otherwise: Parameters<typeof refusal>[1],
): Promise<void> {
  for (let made = 0; made < most; made += 1) await refusal(attempt(), otherwise)
  const { extensions } = await refusal(attempt(), 'too-many-attempts')
  assert.ok(Number(extensions?.retry_after) <= 300)
}

/** Signs in from an address that nobody has used before. */
let addresses = 0
function signIn(email: string, password: string) {
  addresses += 1
  const headers = { 'x-forwarded-for': `203.0.${Math.floor(addresses / 250)}.${addresses % 250}` }
  return createClient({ base_url: page_url, headers }).signIn({ body: { email, password } })
}

test('one account can be tried so often, from however many addresses, and others go on', async () => {
  const { email } = admin.person
  let spelling = 0
  const guess = () => signIn(spelling++ % 2 ? email.toUpperCase() : email, 'a guess')
  await exhaust(60, guess, 'sign-in-failed')
  await refusal(signIn(email, PASSWORD), 'too-many-attempts')
  const other = await countersign.person('other')
  assert.equal((await signIn(other.person.email, PASSWORD)).person?.id, other.person.id)

  const { rows } = await sql<{ key: string }>`
    update rate_limits set last_request = last_request - 300000 returning key`.execute(database.db)
  assert.ok(rows.length > 0)
  assert.ok(
    rows.every(({ key }) => !key.includes('@')),
    'what was typed is not kept',
  )
  assert.equal((await signIn(email, PASSWORD)).person?.id, admin.person.id)
})

test('a password can be guessed at its change so often, from however many addresses', async () => {
  const { person, cookie } = await countersign.person('robbed')
  const change = (current_password: string) => {
    addresses += 1
    const headers = { cookie, 'x-forwarded-for': `198.51.100.${addresses % 250}` }
    const body = { current_password, new_password: 'another few words' }
    return createClient({ base_url: page_url, headers }).changePassword({ body })
  }
  await exhaust(10, () => change('a guess'), 'password-wrong')
  await refusal(change(PASSWORD), 'too-many-attempts')
  await sql`update rate_limits set last_request = last_request - 60000
    where key = ${`password ${person.id}`}`.execute(database.db)
  await change(PASSWORD)
})

test('however many sign out, each of them is signed out', async () => {
  const { api, cookie } = await countersign.person('leaving')
  const nobody = createClient({ base_url: page_url })
  for (let made = 0; made < 120; made += 1) await nobody.signOut({})
  await api.signOut({})
  const before = createClient({ base_url: page_url, headers: { cookie } })
  assert.equal((await before.getSession({})).person, null)
})

test('an invitation can be answered in vain so often, and tells no further who is here', async () => {
  const invite = async () => {
    const { url } = await admin.api.createInvite({ body: { role: 'member' } })
    return url.split('#')[1] ?? ''
  }
  const [token, another] = [await invite(), await invite()]
  const { email } = admin.person
  const join = (invitation: string, address: string) => {
    const body = { token: invitation, name: 'X', email: address, password: PASSWORD }
    return createClient({ base_url: page_url }).acceptInvite({ body })
  }
  await exhaust(20, () => join(token, email), 'email-taken')
  await refusal(join(another, email), 'email-taken')
  await refusal(join(token, 'new@example.com'), 'too-many-attempts')
  await sql`update rate_limits set last_request = last_request - 300000
    where key like 'invitation %'`.execute(database.db)
  assert.equal((await join(token, 'new@example.com')).person?.email, 'new@example.com')
})

test('one person can have Git hosts asked about tokens so often, and others go on', async () => {
  const check = ({ api }: PersonClient) => api.checkConnection({ params: { id: randomUUID() } })
  const checkOwn = ({ api }: PersonClient) =>
    api.checkRuntimeToken({ params: { runtime_id: randomUUID(), provider_id: provider.id } })
  const eager = await countersign.person('eager')
  const { id } = eager.person
  await admin.api.updatePerson({ params: { id }, body: { role: 'admin' } })
  let turn = 0
  await exhaust(60, () => (turn++ % 2 ? check(eager) : checkOwn(eager)), 'not-found')
  await refusal(checkOwn(eager), 'too-many-attempts')
  await refusal(check(admin), 'not-found')
})

test('one person can begin so many authorizations, and others go on', async () => {
  const address = {
    purpose: 'code_verifier',
    row_id: randomUUID(),
    owner_id: admin.person.id,
    provider_id: provider.id,
  } as const
  const body = {
    id: address.row_id,
    runtime_id: randomUUID(),
    provider_id: provider.id,
    state: 'x'.repeat(43),
    code_challenge: 'x'.repeat(43),
    code_verifier_box: await sealBox(await currentVaultKey(database.db), address, 'verifier'),
  }
  const eager = await countersign.person('keen')
  const { id } = eager.person
  await admin.api.updatePerson({ params: { id }, body: { role: 'admin' } })
  const begun = [eager.api.beginAuthorization, eager.api.beginRuntimeAuthorization]
  let turn = 0
  await exhaust(100, async () => await begun[turn++ % 2]?.({ body }), 'provider-not-on-runtime')
  await refusal(admin.api.beginAuthorization({ body }), 'provider-not-on-runtime')
})

test('one person can authorize with tokens there are, and take that back, so often', async () => {
  const { api } = await countersign.person('busy')
  await exhaust(120, () => api.deleteAuthorization({ params: { id: randomUUID() } }), 'not-found')
  const body = { runtime_id: randomUUID(), provider_id: provider.id, connection_id: randomUUID() }
  await refusal(api.createAuthorization({ body }), 'too-many-attempts')
  await refusal(admin.api.createAuthorization({ body }), 'provider-not-on-runtime')
})

test('one person can change what is theirs so often, and others go on', async () => {
  const { api } = await countersign.person('fickle')
  const hide = { params: { id: randomUUID() }, body: { notice_hidden: true } }
  await exhaust(120, () => api.updateAuthorization(hide), 'not-found')
  await refusal(admin.api.updateAuthorization(hide), 'not-found')
  for (let made = 0; made < 20; made += 1) await api.updateAccount({ body: { name: 'Fickle' } })
  await refusal(api.updateAccount({ body: { name: 'Fickle' } }), 'too-many-attempts')
  await admin.api.updateAccount({ body: { name: 'Ada' } })
  const confirm = { params: { id: randomUUID() } }
  await exhaust(100, () => api.confirmAuthorizationRequest(confirm), 'not-found')
})

test('a member who is refused again and again fills the audit trail no further', async () => {
  const { api, person } = await countersign.person('nosy')
  const denials = async () =>
    await database.db
      .selectFrom('audit')
      .select(['subject', 'outcome', 'reason'])
      .where('actor_id', '=', person.id)
      .where('action', '=', 'administration')
      .execute()
  for (let made = 0; made < 62; made += 1) {
    await refusal(api.listPeople({ query: {} }), 'not-an-administrator')
  }
  const rows = await denials()
  assert.equal(rows.length, 60)
  assert.deepEqual(rows[0], {
    subject: 'GET /api/v1/people',
    outcome: 'denied',
    reason: 'not-an-administrator',
  })
  await sql`update rate_limits set last_request = last_request - 300000
    where key = ${`denial ${person.id}`}`.execute(database.db)
  await refusal(api.listPeople({ query: {} }), 'not-an-administrator')
  assert.equal((await denials()).length, 61)
})

test('a runtime that is refused again and again fills the audit trail no further', async () => {
  const nosy = await askerOfNothing()
  await nosy.ask()
  assert.equal(await nosy.denials(), 1)
  await sql`update rate_limits set count = 599
    where key = ${`denial ${nosy.id}`}`.execute(database.db)
  await nosy.askAccess()
  assert.equal(await nosy.denials(), 2, 'the last one that is written')
  await nosy.ask()
  await nosy.askAccess()
  assert.equal(await nosy.denials(), 2)
  const metrics = await (await fetch(`${vault_url}/metrics`)).text()
  assert.match(metrics, /^countersign_denials_not_written_total 2$/m)

  const other = await askerOfNothing()
  await other.ask()
  assert.equal(await other.denials(), 1)
  await sql`update rate_limits set last_request = last_request - 300000
    where key = ${`denial ${nosy.id}`}`.execute(database.db)
  await nosy.ask()
  assert.equal(await nosy.denials(), 3)
})

test('what a runtime is refused is written where it cannot be counted', async () => {
  const { ask, denials } = await askerOfNothing()
  await sql`alter table rate_limits add constraint uncounted
    check (key not like 'denial %') not valid`.execute(database.db)
  await ask()
  await sql`alter table rate_limits drop constraint uncounted`.execute(database.db)
  assert.equal(await denials(), 1)
})

/** A runtime that nobody has authorized, and is told so each time. */
async function askerOfNothing() {
  const { runtime, key } = await countersign.runtime()
  const { id } = runtime
  const vault = runtimeClient(vault_url, key)
  const { host } = new URL(forge.url)
  const body = { person: 'ada@example.com', protocol: 'http', host, path: 'a/b' } as const
  const denials = () =>
    database.db
      .selectFrom('audit')
      .select('id')
      .where('runtime_id', '=', id)
      .where('outcome', '=', 'denied')
      .execute()
  return {
    id,
    ask: () => refusal(vault.issueCredential({ body }), 'authorization-missing'),
    askAccess: () => refusal(vault.readRepositoryAccess({ body }), 'authorization-missing'),
    denials: async () => (await denials()).length,
  }
}
