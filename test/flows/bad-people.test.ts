import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { createClient, type Input, problemUri } from '../../src/contract/index.ts'
import { createInvite } from '../../src/people/invites.ts'
import { setupActor } from '../../src/policy/decide.ts'
import { sealBox } from '../../src/seal/box.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { joinAs, PASSWORD } from '../harness/person.ts'
import { assertProblem, refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url, provider } = countersign
/** Its pages are on HTTPS, and attempts to sign in there are counted apart. */
const behindTls = await startCountersign({
  env: { COUNTERSIGN_PAGE_URL: 'https://countersign.example' },
})
after(() => behindTls[Symbol.asyncDispose]())
const bob = await countersign.person('bob')
const { runtime, key } = await countersign.runtime()
const row = { runtime_id: runtime.id, provider_id: provider.id }
const nobody = createClient({ base_url: page_url })

suite('what is one person’s is nobody else’s', () => {
  test('a candidate, a connection, an authorization and a picture', async () => {
    const { id: candidate_id } = await admin.addToken(row, await forge.token())
    const before = await admin.access(runtime.id)
    const id = before.authorization?.id ?? ''
    const connection_id = before.authorization?.connection.id ?? ''

    await refusal(bob.api.getCandidate({ params: { id: candidate_id } }), 'not-found')
    await refusal(bob.api.checkConnection({ params: { id: connection_id } }), 'not-found')
    await refusal(bob.api.deleteAuthorization({ params: { id } }), 'not-found')
    const body = { ...row, connection_id }
    await refusal(bob.api.createAuthorization({ body }), 'not-found')
    const headers = { cookie: bob.cookie }
    const avatar = `${page_url}/api/v1/connections/${connection_id}/avatar`
    await assertProblem(await fetch(avatar, { headers }), 'not-found')
    assert.equal((await bob.access(runtime.id)).authorization, null)
    const detail = await bob.api.getAccess({ params: row })
    assert.deepEqual(detail.reusable_connections, [])

    assert.deepEqual(await admin.access(runtime.id), before)
    assert.equal((await admin.api.getCandidate({ params: { id: candidate_id } })).id, candidate_id)
  })

  test('an id of a candidate', async () => {
    const { id } = await admin.addToken(row, await forge.token())
    const body = { id, ...row, token: await forge.token('bob') }
    await refusal(bob.api.createCandidate({ body }), 'candidate-exists')
    assert.equal((await admin.api.getCandidate({ params: { id } })).status, 'accepted')
  })

  test('a sealed token', async () => {
    const { vault_key, owner_id } = await admin.api.getAccess({ params: row })
    const id = randomUUID()
    const address = {
      purpose: 'candidate',
      row_id: id,
      owner_id,
      provider_id: provider.id,
    } as const
    const box = await sealBox(vault_key, address, await forge.token())
    await using events = await bob.events()
    await bob.api.createCandidate({ body: { id, ...row, box } })
    const candidate = await events.until(async () => {
      const found = await bob.api.getCandidate({ params: { id } })
      return found.status === 'checking' ? undefined : found
    })
    assert.equal(candidate.status, 'refused')
    assert.equal(candidate.problem?.type, problemUri('box-not-authentic'))
    assert.equal((await bob.access(runtime.id)).authorization, null)
  })
})

suite('to a runtime', () => {
  const vault = runtimeClient(countersign.vault_url, key)
  const viewOf = async (person: string) =>
    (await vault.getRuntimeView({ query: { person } })).person
  const { id, email } = bob.person
  const { host } = new URL(forge.url)
  const sentence = async (person: string) => {
    const body = { person, protocol: 'http', host } as const
    const { detail } = await refusal(vault.issueCredential({ body }), 'authorization-missing')
    return detail.replace(person, 'PERSON')
  }

  test('somebody who has not authorized it looks as if nobody had that name', async () => {
    const unknown = await sentence('nobody@example.com')
    for (const name of [email, email.toUpperCase(), id]) {
      assert.equal(await viewOf(name), null)
      assert.equal(await sentence(name), unknown)
    }
    assert.equal(await sentence(randomUUID()), unknown)
  })

  test('who has authorized it is known by each of them', async () => {
    assert.equal((await bob.addToken(row, await forge.token('bob'))).status, 'accepted')
    for (const name of [email, email.toUpperCase(), id]) {
      assert.equal((await viewOf(name))?.email, email)
    }
    const { authorization } = await bob.access(runtime.id)
    await bob.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
    assert.equal(await viewOf(email), null)
  })
})

suite('an invitation', () => {
  const join = (body: Partial<Input<'acceptInvite'>['body']> & { token: string }) =>
    nobody.acceptInvite({
      body: { name: 'Carol', email: 'carol@example.com', password: PASSWORD, ...body },
    })

  async function invite(email?: string): Promise<{ id: string; token: string }> {
    const body = { role: 'member', ...(email === undefined ? {} : { email }) } as const
    const { invite, url } = await admin.api.createInvite({ body })
    return { id: invite.id, token: url.split('#')[1] ?? '' }
  }

  test('works once', async () => {
    const { token } = await invite()
    await joinAs(page_url, token, 'once')
    await refusal(join({ token }), 'invite-invalid')
    await refusal(nobody.readInvite({ body: { token } }), 'invite-invalid')
  })

  test('works once, also for two at the same moment', async () => {
    const { token } = await invite()
    const attempts = await Promise.allSettled(
      ['twice-a', 'twice-b'].map((name) => joinAs(page_url, token, name)),
    )
    assert.deepEqual(attempts.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  test('works for a week', async () => {
    const { id, token } = await invite()
    const { db } = database
    await db.updateTable('invites').set({ expires_at: new Date() }).where('id', '=', id).execute()
    await refusal(nobody.readInvite({ body: { token } }), 'invite-invalid')
    await refusal(join({ token }), 'invite-invalid')
  })

  test('works until it is withdrawn', async () => {
    const { id, token } = await invite()
    await admin.api.deleteInvite({ params: { id } })
    await refusal(join({ token }), 'invite-invalid')
    await refusal(admin.api.deleteInvite({ params: { id } }), 'not-found')
  })

  test('is not used up by an answer that is refused', async () => {
    const { token } = await invite('dora@example.com')
    const other = await refusal(join({ token, email: 'eve@example.com' }), 'invite-invalid')
    assert.match(other.detail, /dora@example\.com/)
    const email = 'Dora@Example.com'
    await refusal(join({ token, email, password: 'short' }), 'password-too-weak')
    await refusal(join({ token, email, name: ' \n ' }), 'request-invalid')
    await refusal(join({ token, email: 'dora' }), 'request-invalid')
    await refusal(join({ token: `${token}x`, email }), 'invite-invalid')
    const { person } = await joinAs(page_url, token, 'dora')
    assert.equal(person.role, 'member')
  })

  test('for the first administrator is one, however many servers start at once', async () => {
    const { db } = database
    const start = () => createInvite(db, { actor: setupActor, ip: null, role: 'admin' })
    const started = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(start))
    const left = await db
      .selectFrom('invites')
      .select('id')
      .where('created_by', 'is', null)
      .execute()
    assert.equal(left.length, 1)
    const last = started.find(({ invite }) => invite.id === left[0]?.id) ?? assert.fail()
    // There is one already, perhaps by the link of another start.
    await refusal(join({ token: last.token, email: 'late@example.com' }), 'invite-invalid')
    await admin.api.deleteInvite({ params: { id: last.invite.id } })
  })

  test('is not for an address that somebody has already', async () => {
    await refusal(invite('BOB@example.com'), 'email-taken')
    const { token } = await invite()
    await refusal(join({ token, email: 'BOB@example.com' }), 'email-taken')
    assert.equal((await nobody.readInvite({ body: { token } })).role, 'member')
  })

  test('is not for an address that somebody else takes at the same moment', async () => {
    const { token } = await invite()
    const email = 'twin@example.com'
    let second: Promise<unknown> | undefined
    await database.db.transaction().execute(async (trx) => {
      await trx.insertInto('people').values({ name: 'First', email, role: 'member' }).execute()
      second = join({ token, email })
      second.catch(() => {})
      await until('somebody who waits for the address', async () => {
        const { rows } = await sql`select from pg_stat_activity
          where wait_event_type = 'Lock' and datname = current_database()`.execute(database.db)
        return rows.length > 0
      })
    })
    await refusal(second ?? Promise.resolve(), 'email-taken')
    assert.equal((await nobody.readInvite({ body: { token } })).role, 'member')
  })
})

suite('an administrator’s invitations stop working', () => {
  const leaves = {
    'when they are removed': (id: string) => admin.api.deletePerson({ params: { id } }),
    'when they become a member': (id: string) =>
      admin.api.updatePerson({ params: { id }, body: { role: 'member' } }),
  }
  for (const [when, leave] of Object.entries(leaves)) {
    test(when, async () => {
      const other = await countersign.person(`leaving-${randomUUID().slice(0, 8)}`)
      const { id } = other.person
      await admin.api.updatePerson({ params: { id }, body: { role: 'admin' } })
      const theirs = await other.api.createInvite({ body: { role: 'admin' } })
      const ours = await admin.api.createInvite({ body: { role: 'member' } })
      const read = ({ url }: { url: string }) =>
        nobody.readInvite({ body: { token: url.split('#')[1] ?? '' } })
      assert.equal((await read(theirs)).role, 'admin')
      await leave(id)
      await refusal(read(theirs), 'invite-invalid')
      assert.equal((await read(ours)).role, 'member')
    })
  }
})

suite('the last administrator stays', () => {
  const { person } = admin
  const params = { id: person.id }

  test('as an administrator, and at all', async () => {
    const demoted = admin.api.updatePerson({ params, body: { role: 'member' } })
    await refusal(demoted, 'last-administrator')
    await refusal(admin.api.deletePerson({ params }), 'last-administrator')
    assert.equal((await admin.api.getSession({})).person?.role, 'admin')
  })

  test('also when two administrators demote each other at the same moment', async () => {
    const other = { id: bob.person.id }
    await admin.api.updatePerson({ params: other, body: { role: 'admin' } })
    const body = { role: 'member' } as const
    const attempts = await Promise.allSettled([
      admin.api.updatePerson({ params: other, body }),
      bob.api.updatePerson({ params, body }),
    ])
    assert.deepEqual(attempts.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const remaining = attempts[0].status === 'fulfilled' ? admin : bob
    const left = attempts[0].status === 'fulfilled' ? other : params
    await remaining.api.updatePerson({ params: left, body: { role: 'admin' } })
    await admin.api.updatePerson({ params: other, body })
  })
})

suite('a session', () => {
  test('ends with its person', async () => {
    const leaving = await countersign.person('leaving')
    await admin.api.deletePerson({ params: { id: leaving.person.id } })
    await refusal(leaving.api.listAccess({}), 'not-signed-in')
    const body = { email: leaving.person.email, password: PASSWORD }
    await refusal(nobody.signIn({ body }), 'sign-in-failed')
  })

  test('ends when its person signs out, also for a copy of the cookie', async () => {
    const leaving = await countersign.person('signing-out')
    const headers = { cookie: leaving.cookie }
    await leaving.api.signOut({})
    await assertProblem(await fetch(`${page_url}/api/v1/access`, { headers }), 'not-signed-in')
    const { items } = await admin.api.listAudit({ query: { q: 'session.delete' } })
    assert.deepEqual(items[0]?.actor, { kind: 'person', name: leaving.person.email })
    await leaving.api.signOut({})
    const { items: again } = await admin.api.listAudit({ query: { q: 'session.delete' } })
    assert.equal(again.length, items.length)
  })
})

suite('signing in', () => {
  const { admin, page_url } = behindTls
  const [server_url = ''] = behindTls.server_urls
  const { email } = admin.person
  const attempt = (body: { email: string; password: string }) => signIn(server_url, page_url, body)

  test('does not tell whether the address is known', async () => {
    const known = await attempt({ email, password: 'wrong' })
    const unknown = await attempt({ email: 'unknown@example.com', password: 'wrong' })
    assert.equal(await known.clone().text(), await unknown.text())
    await assertProblem(known, 'sign-in-failed')
  })

  test('that fails is written down, without an address that nobody has', async () => {
    await attempt({ email: email.toUpperCase(), password: 'wrong' })
    await attempt({ email: 'my password, typed above', password: 'wrong' })
    const { items } = await admin.api.listAudit({ query: { q: 'session.create', limit: 2 } })
    assert.deepEqual(
      items.map(({ actor, outcome, subject, reason }) => [actor.name, outcome, subject, reason]),
      [
        ['unknown', 'denied', 'an e-mail address that nobody has', 'sign-in-failed'],
        [email, 'denied', 'wrong password', 'sign-in-failed'],
      ],
    )
  })

  test('is refused for a while after too many attempts, also with the password', async () => {
    const wrong = { email, password: 'wrong' }
    let response = await attempt(wrong)
    for (let tries = 1; tries < 12 && response.status !== 429; tries += 1) {
      await assertProblem(response, 'sign-in-failed')
      response = await attempt(wrong)
    }
    const wait = Number(response.headers.get('retry-after'))
    assert.ok(wait > 0 && wait <= 60, `retry-after: ${wait}`)
    await assertProblem(response, 'too-many-attempts')
    await assertProblem(await attempt({ email, password: PASSWORD }), 'too-many-attempts')
    assert.equal((await admin.api.getSession({})).person?.email, email)
  })
})

function signIn(url: string, origin: string, body: { email: string; password: string }) {
  return fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify(body),
  })
}
