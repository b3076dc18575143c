import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { type AuthorizationRequest, problemType } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  beginWithCode,
  outcomeOf,
  startDeviceForge,
  startEntraForge,
} from '../harness/device-forge.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'
import { disguises } from '../invariants/disguises.ts'
import { allRows } from '../invariants/whole-database.ts'

const countersign = await startCountersign({ vaults: 2 })
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, vault_url } = countersign
const octo = await startDeviceForge(countersign)
after(() => octo[Symbol.asyncDispose]())
const { devices, forge, row } = octo
const TOKEN_ENDPOINT = 'POST /login/oauth/access_token'
const CODE_ENDPOINT = '/login/device/code'

suite('a runtime is authorized with a code', () => {
  test('and acts as the person who allowed it', async () => {
    const person = await countersign.person('grace')
    const { id, device } = await beginWithCode(person, row)
    assert.ok(device)
    assert.equal(device.verification_uri, `${forge.url}/login/device`)
    await untilPolled(1)
    devices.approve(device.user_code, 'carol')
    assert.equal((await outcomeOf(person, id)).status, 'completed')

    const { authorization } = await person.access(octo.runtime.id)
    assert.equal(authorization?.connection.account.login, 'carol')
    assert.equal(authorization?.connection.status, 'valid')
    const credential = await ask('grace@example.com')
    assert.equal(forge.working(credential.password)?.account.login, 'carol')

    const done = await person.api.getAuthorizationRequest({ params: { id } })
    assert.equal(done.device, null)
  })

  test('what was granted is refreshed', async () => {
    const person = await countersign.person('hedy')
    await authorize(person, 'carol')
    const before = await ask('hedy@example.com')
    await endAccess(person)
    const after = await ask('hedy@example.com')
    assert.notEqual(after.password, before.password)
    assert.ok(forge.working(after.password))
  })

  test('what was granted at Entra ID is refreshed without the secret that it refuses', async () => {
    await using entra = await startEntraForge(countersign)
    const person = await countersign.person('irma')
    const { id, device } = await beginWithCode(person, entra.row)
    entra.devices.approve(device?.user_code ?? '', 'carol')
    const { status, problem } = await outcomeOf(person, id)
    assert.equal(status, 'completed', problem?.detail)
    await endAccess(person)
    const { host } = new URL(entra.forge.url)
    const body = { person: 'irma@example.com', protocol: 'http', host } as const
    const { password } = await runtimeClient(vault_url, entra.key).issueCredential({ body })
    assert.equal(entra.forge.working(password)?.account.login, 'carol')
    const { authorization } = await person.access(entra.runtime.id)
    assert.equal(authorization?.connection.check_failed, null, 'it was refreshed')
  })

  test('the code that was shown stays, also when a vault that was taken for dead gets another', async () => {
    const person = await countersign.person('inge')
    const { asked, answered } = holdFirstCode()
    const { id } = await person.api.beginDeviceAuthorization({ body: row })
    await asked.promise
    await dueNow(id)
    await using events = await person.events()
    const shown = await events.until(async () => {
      const { device } = await person.api.getAuthorizationRequest({ params: { id } })
      return device ?? undefined
    })
    const heard = events.seen.length
    answered.resolve()
    await events.until(async () => events.seen.length > heard || undefined)
    const { device } = await person.api.getAuthorizationRequest({ params: { id } })
    assert.equal(device?.user_code, shown.user_code)
    devices.approve(shown.user_code, 'carol')
    await dueNow(id)
    assert.equal((await outcomeOf(person, id)).status, 'completed')
  })

  test('and when the host refuses that other vault one', async () => {
    const person = await countersign.person('ilse')
    forge.interruptionFor = (path) => {
      if (path !== CODE_ENDPOINT) return undefined
      forge.interruptionFor = undefined
      return { status: 200, body: { error: 'incorrect_client_credentials' } }
    }
    const { asked, answered } = holdFirstCode()
    const { id } = await person.api.beginDeviceAuthorization({ body: row })
    await asked.promise
    await dueNow(id)
    const shown = await until('a code', async () => (await rowOf(id)).user_code ?? undefined)
    const logged = countersign.logged.length
    answered.resolve()
    await until('the end of the refused one', async () => {
      const since = countersign.logged.slice(logged)
      const overtaken = since.some((line) => line.includes('OvertakenError'))
      return overtaken || (await rowOf(id)).status !== 'pending'
    })
    devices.approve(shown, 'carol')
    await dueNow(id)
    const { status, problem } = await outcomeOf(person, id)
    assert.equal(status, 'completed', problem?.detail)
  })

  test('the device code is nowhere in the clear', async () => {
    const person = await countersign.person('ida')
    const { id, device } = await beginWithCode(person, row)
    const user_code = device?.user_code ?? ''
    const device_code = devices.deviceCode(user_code)
    const kept = (await allRows(database)).map(({ text }) => text).join('\n')
    const logged = countersign.logged.join('\n')
    assert.ok(kept.includes(user_code), 'the search finds what is there')
    for (const disguise of disguises(device_code)) {
      assert.ok(!kept.includes(disguise), 'in the database')
      assert.ok(!logged.includes(disguise), 'in the log')
    }
    const { device_code_box } = await rowOf(id)
    assert.match(device_code_box ?? '', /^csb1\./)
    await person.api.cancelAuthorizationRequest({ params: { id } })
  })
})

suite('a code that leads to nothing changes nothing', () => {
  test('the person says no', async () => {
    const { person, outcome } = await endsWith('jean', (code) => devices.deny(code))
    assert.equal(outcome, 'authorization-declined')
    assert.equal((await person.access(octo.runtime.id)).authorization, null)
  })

  test('the host says that it is too old', async () => {
    const { outcome } = await endsWith('kay', (code) => devices.expire(code))
    assert.equal(outcome, 'device-code-expired')
  })

  test('it is too old by our clock, and the host is not asked any more', async () => {
    const person = await countersign.person('lise')
    const { id } = await beginWithCode(person, row)
    await sql`update authorization_requests set expires_at = now(), next_poll_at = now()
      where id = ${id}`.execute(database.db)
    const { status, problem } = await outcomeOf(person, id)
    assert.deepEqual([status, problemType(problem?.type ?? '')], ['refused', 'device-code-expired'])
  })

  test('the person gives up', async () => {
    const person = await countersign.person('mary')
    const { id, device } = await beginWithCode(person, row)
    await person.api.cancelAuthorizationRequest({ params: { id } })
    await refusal(person.api.getAuthorizationRequest({ params: { id } }), 'not-found')
    devices.approve(device?.user_code ?? '', 'carol')
    assert.equal((await person.access(octo.runtime.id)).authorization, null)
    await refusal(person.api.cancelAuthorizationRequest({ params: { id } }), 'not-found')
  })

  test('it is another person’s', async () => {
    const person = await countersign.person('nina')
    const { id } = await beginWithCode(person, row)
    await refusal(admin.api.getAuthorizationRequest({ params: { id } }), 'not-found')
    await refusal(admin.api.cancelAuthorizationRequest({ params: { id } }), 'not-found')
    await person.api.cancelAuthorizationRequest({ params: { id } })
  })

  test('the account is another than before, until the person says so', async () => {
    const person = await countersign.person('olga')
    await authorize(person, 'carol')
    const { id, device } = await beginWithCode(person, row)
    devices.approve(device?.user_code ?? '', 'dave')
    const changed = await outcomeOf(person, id)
    assert.equal(changed.status, 'account_changed')
    assert.deepEqual([changed.account_before, changed.account_after], ['carol', 'dave'])
    assert.equal(loginOf(await person.access(octo.runtime.id)), 'carol')
    await person.api.confirmAuthorizationRequest({ params: { id } })
    assert.equal((await outcomeOf(person, id)).status, 'completed')
    assert.equal(loginOf(await person.access(octo.runtime.id)), 'dave')
  })
})

suite('a host is asked as it wants to be', () => {
  test('slower, when it says so', async () => {
    const person = await countersign.person('pia')
    devices.interval = 20
    const { id } = await beginWithCode(person, row)
    devices.interval = 1
    assert.equal((await rowOf(id)).poll_interval, 20)
    await dueNow(id)
    await untilPutOff(id)
    // Asked again right after it was asked: too early.
    await dueNow(id)
    await until('a longer interval', async () => (await rowOf(id)).poll_interval === 25)
    const { rows } = await sql<{ later: boolean }>`
      select next_poll_at > now() + interval '15 seconds' as later
      from authorization_requests where id = ${id}`.execute(database.db)
    assert.ok(rows[0]?.later, 'the next question is that much later')
    await person.api.cancelAuthorizationRequest({ params: { id } })
  })

  test('by all vaults not at all, while it says that it is asked too often', async () => {
    const provider_id = octo.provider.id
    const paces = () =>
      database.db.selectFrom('provider_paces').where('provider_id', '=', provider_id)
    await database.db.deleteFrom('provider_paces').execute()
    const person = await countersign.person('ruth')
    const { id } = await beginWithCode(person, row)
    assert.ok(await paces().select('free_at').executeTakeFirst(), 'a code takes a turn')
    forge.interruption = { status: 429, headers: { 'retry-after': '200' }, body: {} }
    await dueNow(id)
    await until('the pause of all vaults', async () => {
      const pace = await paces()
        .select(sql<boolean>`paused_until > now() + interval '100 seconds'`.as('paused'))
        .executeTakeFirst()
      return pace?.paused === true
    })
    forge.interruption = undefined
    const calls = forge.calls.length
    const other = await person.api.beginDeviceAuthorization({
      body: { ...row, runtime_id: (await octo.anotherRuntime('patient')).id },
    })
    await until('the other one to be put off', async () => {
      const { rows } = await sql<{ put_off: boolean }>`
        select next_poll_at > now() + interval '45 seconds' as put_off from authorization_requests where id = ${other.id}`.execute(
        database.db,
      )
      return rows[0]?.put_off === true
    })
    assert.equal(forge.calls.length, calls, 'nobody asks')
    await database.db.deleteFrom('provider_paces').execute()
    for (const one of [id, other.id]) {
      await person.api.cancelAuthorizationRequest({ params: { id: one } })
    }
  })

  test('for one code at a time, and not for ever more of them', async () => {
    const person = await countersign.person('selma')
    const first = await beginWithCode(person, row)
    const second = await beginWithCode(person, row)
    await refusal(person.api.getAuthorizationRequest({ params: { id: first.id } }), 'not-found')
    devices.approve(second.device?.user_code ?? '', 'carol')
    assert.equal((await outcomeOf(person, second.id)).status, 'completed')
    const body = { ...row, runtime_id: second.id }
    for (let begun = 2; begun < 20; begun += 1) {
      await refusal(person.api.beginDeviceAuthorization({ body }), 'provider-not-on-runtime')
    }
    const { extensions } = await refusal(
      person.api.beginDeviceAuthorization({ body }),
      'too-many-attempts',
    )
    assert.ok(Number(extensions.retry_after) > 0)
  })

  test('again, when it was away', async () => {
    const person = await countersign.person('rosa')
    const { id, device } = await beginWithCode(person, row)
    forge.interruption = { status: 503, body: '<html>Away' }
    const calls = forge.calls.length
    await dueNow(id)
    await until('a call of the host', async () => forge.calls.length > calls)
    assert.equal((await rowOf(id)).status, 'pending')
    forge.interruption = undefined
    devices.approve(device?.user_code ?? '', 'carol')
    await until('the next question', async () => (await rowOf(id)).next_poll_at !== null)
    await dueNow(id)
    assert.equal((await outcomeOf(person, id)).status, 'completed')
  })

  test('what was granted waits for a host that is away', async () => {
    const person = await countersign.person('sonja')
    const { id, device } = await beginWithCode(person, row)
    await grantedWhileAway(id, device)
    assert.equal((await person.access(octo.runtime.id)).authorization, null)
    forge.interruptionFor = undefined
    await dueNow(id)
    assert.equal((await outcomeOf(person, id)).status, 'completed')
  })

  test('what was damaged where it was stored is given up at once', async () => {
    const person = await countersign.person('sybil')
    const damage = (column: 'device_code_box' | 'token_set_box', id: string) =>
      sql`update authorization_requests set ${sql.ref(column)} = (
        select client_secret_box from clients limit 1) where id = ${id}`.execute(database.db)
    const gaveUp = async (id: string) => {
      await dueNow(id)
      const { status, problem } = await outcomeOf(person, id)
      assert.deepEqual([status, problemType(problem?.type ?? '')], ['refused', 'box-not-authentic'])
    }
    const code = await beginWithCode(person, row)
    await damage('device_code_box', code.id)
    await gaveUp(code.id)

    const { id, device } = await beginWithCode(person, row)
    await grantedWhileAway(id, device)
    await damage('token_set_box', id)
    forge.interruptionFor = undefined
    await gaveUp(id)
    await until('the end of what was granted', async () => {
      const left = await database.db.selectFrom('revocations').select('id').execute()
      return !left.some((revocation) => revocation.id === id)
    })
  })

  test('an app without the flow, or a host without it, is told apart', async () => {
    devices.off = true
    const person = await countersign.person('tilda')
    const { status, problem } = await beginWithCode(person, row)
    devices.off = false
    assert.equal(status, 'refused')
    assert.equal(problemType(problem?.type ?? ''), 'device-flow-not-offered')

    const { runtime } = await countersign.runtime()
    const gitea = { runtime_id: runtime.id, provider_id: countersign.provider.id }
    const body = gitea
    await refusal(admin.api.beginDeviceAuthorization({ body }), 'oauth-not-offered')
    const params = gitea
    const mode = { auth_mode: 'default_client' } as const
    await admin.api.updateRuntimeProvider({ params, body: mode })
    await refusal(admin.api.beginDeviceAuthorization({ body }), 'client-not-registered')
    const sandbox = countersign.forge
    const token = await sandbox.token('alice', ['all'])
    await registerClient(admin, { url: sandbox.url, token }, gitea)
    await refusal(admin.api.beginDeviceAuthorization({ body }), 'device-flow-not-offered')
    const account = { login: 'alice', password: 'alice-demo' }
    const done = await authorizeWithOAuth(admin, gitea, account)
    assert.equal(done.status, 'completed', 'the page works all the same')
  })

  test('a code that could steer a terminal is not shown', async () => {
    const person = await countersign.person('uma')
    const user_code = 'A\u001b[31mB'
    forge.interruptionFor = (path) => {
      if (path !== CODE_ENDPOINT) return undefined
      const verification_uri = `${forge.url}/login/device`
      return { status: 200, body: { device_code: 'x', user_code, verification_uri, expires_in: 9 } }
    }
    const shown = await beginWithCode(person, row)
    forge.interruptionFor = undefined
    assert.equal(problemType(shown.problem?.type ?? ''), 'authorization-failed')
    assert.equal(shown.device, null)
  })
})

test('a hostile host cannot send people with its code to another one', async () => {
  const person = await countersign.person('wanda')
  const own = `${forge.url}/login/device`
  const elsewhere = 'https://github.com/login/device'
  const pages = [
    { verification_uri: elsewhere },
    { verification_uri: own, verification_uri_complete: `${elsewhere}?user_code=ABCD-1234` },
    { verification_uri: 'https://microsoft.com/devicelogin' },
    { verification_uri: `https://${new URL(forge.url).host}@github.com/login/device` },
  ]
  try {
    for (const page of pages) {
      forge.interruptionFor = (path) =>
        path === CODE_ENDPOINT
          ? {
              status: 200,
              body: { device_code: 'x', user_code: 'ABCD-1234', expires_in: 900, ...page },
            }
          : undefined
      const { status, device, problem } = await beginWithCode(person, row)
      assert.deepEqual([status, device], ['refused', null], JSON.stringify(page))
      assert.equal(problemType(problem?.type ?? ''), 'authorization-failed')
    }
  } finally {
    forge.interruptionFor = undefined
  }
})

test('a vault that is killed between the code and the token is replaced by the next', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-device-'))
  await using alone = await startCountersign({
    vaults: 0,
    env: { COUNTERSIGN_DATA: join(folder.path, 'server') },
  })
  const settings = {
    database_url: alone.database.url,
    data_folder: join(folder.path, 'vault'),
    vault_key: alone.vault_key,
    page_url: alone.page_url,
  }
  const dying = await startVaultProcess(settings)
  await using forge = await startDeviceForge(alone)
  const { id, device } = await beginWithCode(alone.admin, forge.row)
  assert.ok(device)
  await until('a call of the token endpoint', async () =>
    forge.forge.calls.includes(TOKEN_ENDPOINT),
  )
  await dying.kill()
  forge.devices.approve(device.user_code, 'carol')
  // What the killed one had just taken on would be due again after a while.
  await sql`update authorization_requests set next_poll_at = now()`.execute(alone.database.db)
  await using _next = await startVaultProcess(settings)
  assert.equal((await outcomeOf(alone.admin, id)).status, 'completed')
  assert.equal(loginOf(await alone.admin.access(forge.runtime.id)), 'carol')
})

type Access = Awaited<ReturnType<PersonClient['access']>>

function loginOf({ authorization }: Access): string | undefined {
  return authorization?.connection.account.login
}

/** `asked` once the host is asked for a code, whose answer waits for `answered`; later ones do not. */
function holdFirstCode() {
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  forge.holdBack = (path) => {
    if (path !== CODE_ENDPOINT) return undefined
    forge.holdBack = undefined
    asked.resolve()
    return answered.promise
  }
  return { asked, answered }
}

async function ask(person: string) {
  const { protocol, host } = new URL(forge.url)
  assert.equal(protocol, 'http:')
  const body = { person, protocol: 'http', host } as const
  return await runtimeClient(vault_url, octo.key).issueCredential({ body })
}

async function authorize(person: PersonClient, login: string): Promise<void> {
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', login)
  const { status, problem } = await outcomeOf(person, id)
  assert.equal(status, 'completed', problem?.detail)
}

async function endsWith(name: string, answer: (user_code: string) => void) {
  const person = await countersign.person(name)
  const { id, device } = await beginWithCode(person, row)
  answer(device?.user_code ?? '')
  const { status, problem } = await outcomeOf(person, id)
  assert.equal(status, 'refused')
  return { person, outcome: problemType(problem?.type ?? '') }
}

/** The person allows it, and the host is away when it is asked whose grant that is. */
async function grantedWhileAway(id: string, device: AuthorizationRequest['device']): Promise<void> {
  const looked = Promise.withResolvers<void>()
  forge.interruptionFor = (path) => {
    if (!path.endsWith('/user')) return undefined
    looked.resolve()
    return { status: 503, body: '<html>Away' }
  }
  devices.approve(device?.user_code ?? '', 'carol')
  await looked.promise
  assert.equal((await rowOf(id)).status, 'exchanging')
}

/** Makes the access token be over now, as far as we know, with nothing due in the background. */
async function endAccess({ person }: PersonClient): Promise<void> {
  await sql`update connections set version = version + 1, access_expires_at = now(),
    refresh_due_at = null where owner_id = ${person.id}`.execute(database.db)
}

async function rowOf(id: string) {
  return await database.db
    .selectFrom('authorization_requests')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}
/** Resolves when the host was asked and is to be asked again after its interval of 20 seconds. */
async function untilPutOff(id: string): Promise<void> {
  await until('the next question in 20 seconds', async () => {
    const { rows } = await sql<{ put_off: boolean }>`
      select next_poll_at between now() + interval '1 second' and now() + interval '21 seconds'
        as put_off from authorization_requests where id = ${id}`.execute(database.db)
    return rows[0]?.put_off === true
  })
}

async function untilPolled(times: number): Promise<void> {
  const before = forge.calls.filter((call) => call === TOKEN_ENDPOINT).length
  await until(
    `${times} questions`,
    async () => forge.calls.filter((call) => call === TOKEN_ENDPOINT).length >= before + times,
  )
}

/** Has the host asked now; vaults hear of every change of a request. */
async function dueNow(id: string): Promise<void> {
  await sql`update authorization_requests set next_poll_at = now() where id = ${id}`.execute(
    database.db,
  )
  const change = { name: 'authorization_request', owner_id: admin.person.id, id }
  await sql`select pg_notify('countersign_changes', ${JSON.stringify(change)})`.execute(database.db)
}
