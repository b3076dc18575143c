import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type Credential, ProblemError } from '../../src/contract/index.ts'
import { createLog } from '../../src/roles/log.ts'
import type { Serving } from '../../src/roles/server.ts'
import { startVault } from '../../src/roles/vault.ts'
import { openDatabase } from '../../src/store/database.ts'
import { startCountersign } from '../harness/countersign.ts'
import {
  ALICE,
  ageClaim,
  authorized,
  connectionOf,
  endAccess,
  TOKEN_ENDPOINT,
  untilRefreshing,
} from '../harness/granted.ts'
import { authorizeWithOAuth } from '../harness/oauth.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

/*
 * A vault is killed (SIGKILL) before each single thing that it does with the network and with its
 * journal, from the claim to the answer. Then another one starts on the same disk, and what counts
 * is what the forge says: does the grant still work, and how often was the token endpoint asked?
 *
 * One window is nobody's to close: the forge has replaced the refresh token, and the answer is not
 * on our disk (ADR 11). It opens when the request leaves and ends with the journal's write. Where
 * the old refresh token is dead then, the person is asked to authorize again, at once and in so
 * many words; where the forge takes it once more, nothing is lost.
 */

/** What a vault has done, in the words of `death-at-step.ts`, from the first to the last. */
const STEPS = [
  { name: 'the claim is taken', did: /^hears from the database: .*UPDATE 1/ },
  { name: 'the call is sent', did: /^asks the forge: POST \/login\/oauth\/access_token/ },
  { name: 'the answer is received', did: /^hears from the forge: HTTP\/1\.1 200/ },
  { name: 'the journal is written', did: /^journal: writeSync/ },
  { name: 'the journal is flushed', did: /^journal: fdatasyncSync/ },
  { name: 'its folder is flushed', did: /^journal: fsyncSync/ },
  { name: 'the transaction is begun', did: /^hears from the database: .*BEGIN/ },
  {
    name: 'the next version is written',
    did: /^asks the database: .*update "connections" set "box"/,
  },
  { name: 'the transaction is committed', did: /^hears from the database: .*COMMIT/ },
  { name: 'the journal’s file is removed', did: /^journal: rmSync/ },
  { name: 'the credential is recorded', did: /^asks the database: .*audit-commit/ },
]

/** More than there are; the last vault survives them all. */
const MOST_STEPS = 80
const MOST_SURVIVORS = 6

/** Many vaults start here, one after the other: what Node made of their code is kept. */
const compiled = await mkdtempDisposable(join(tmpdir(), 'countersign-compiled-'))
after(() => compiled.remove())
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { forge, database } = countersign
const { ask, row } = await authorized(countersign)

/**
 * Lets a vault die where `death-at-step.ts` is told to.
 *
 * @returns what it had done; undefined: it lived
 */
async function die(
  where: { DIE_AT: string } | { DIE_AFTER: string },
  data_folder: string,
): Promise<string[] | undefined> {
  await using dying = await startVaultProcess({
    database_url: database.url,
    data_folder,
    vault_key: countersign.vault_key,
    page_url: countersign.page_url,
    preload: join(import.meta.dirname, '..', 'harness', 'death-at-step.ts'),
    env: { ...where, FORGE_PORT: new URL(forge.url).port, NODE_COMPILE_CACHE: compiled.path },
  })
  await endAccess(countersign)
  await forge.control('DELETE', '/control/calls')
  const answer = await ask(dying.url).catch((error: unknown) => error)
  if (!(answer instanceof Error)) return undefined
  await dying.kill()
  await dying.gone
  const said = dying.said.flatMap((line) => /^step \d+: (.*)/.exec(line)?.[1] ?? [])
  if ('DIE_AT' in where) {
    assert.equal(said.length, Number(where.DIE_AT), `it died elsewhere: ${dying.said.at(-1)}`)
  }
  return said.slice(0, -1)
}

/** The next vault on the same disk. */
async function startNext(data_folder: string): Promise<Serving> {
  await using resources = new AsyncDisposableStack()
  const own = resources.use(openDatabase(database.url, { max: 10, onError: () => {} }))
  const config = { ...countersign.config, data_folder }
  const log = createLog('silent', { write: () => {} })
  const { url } = resources.use(await startVault(own, config, countersign.vault_key, { log }))
  const kept = resources.move()
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const calls = () => forge.calls(TOKEN_ENDPOINT)
const stepNamed = (name: string) => {
  const step = STEPS.find((one) => one.name === name)
  assert.ok(step, name)
  return step
}
const has = (done: readonly string[], name: string) => {
  const { did } = stepNamed(name)
  return done.some((line) => did.test(line))
}

/** Insists that the forge takes this credential, and that the grant can be refreshed once more. */
async function assertWorks(credential: Credential, vault_url: string): Promise<void> {
  const headers = { authorization: `token ${credential.password}` }
  const response = await fetch(`${forge.url}/api/v1/user`, { headers })
  assert.equal(response.status, 200)
  const before = await calls()
  await endAccess(countersign)
  const next = await ask(vault_url)
  assert.notEqual(next.password, credential.password)
  assert.equal(await calls(), before + 1)
}

suite('a vault that is killed', () => {
  test('before any of its steps loses no grant that could be kept', async () => {
    const reached = new Set<string>()
    let die_at = 1
    let survivors = 0
    for (; die_at <= MOST_STEPS; die_at += 1) {
      await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-killed-'))
      const done = await die({ DIE_AT: String(die_at) }, folder.path)
      if (done === undefined) {
        survivors += 1
        if (reached.size === STEPS.length || survivors === MOST_SURVIVORS) break
        // What a vault does beside the refresh shifts its steps: the last ones are tried again.
        die_at -= 3
        continue
      }
      for (const { name } of STEPS) if (has(done, name)) reached.add(name)
      const sent = has(done, 'the call is sent')
      const lost = sent && !has(done, 'the journal is written')
      if (sent) await untilRefreshing(forge)
      assert.equal(await calls(), sent ? 1 : 0)

      await ageClaim(countersign)
      await using again = await startNext(folder.path)
      const what = `after: ${done.at(-1)}`
      const answer = await ask(again.url).catch((error: unknown) => error)
      if (lost) {
        assert.ok(answer instanceof ProblemError, what)
        assert.equal(answer.type, 'reauthorization-required', what)
        assert.equal((await connectionOf(countersign)).status, 'reauthorization_required')
        assert.equal(await calls(), 2, what)
        await authorizeWithOAuth(countersign.admin, row, ALICE)
      } else {
        assert.ok(!(answer instanceof Error), `${what}: ${answer}`)
        assert.equal(await calls(), 1, what)
        await assertWorks(answer as Credential, again.url)
      }
    }
    assert.ok(die_at < MOST_STEPS, 'no vault survived')
    assert.deepEqual(
      STEPS.filter(({ name }) => !reached.has(name)),
      [],
    )
  })

  test('while its answer is on the way loses nothing where the old token works once more', async () => {
    await forge.control('POST', '/control/settings', { invalidate_refresh_tokens: false })
    await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-killed-'))
    const received = stepNamed('the answer is received')
    const done = await die({ DIE_AFTER: received.did.source }, folder.path)
    assert.match(done?.at(-1) ?? 'it lived', received.did)
    await ageClaim(countersign)
    assert.equal(await calls(), 1)
    await using again = await startNext(folder.path)
    await assertWorks(await ask(again.url), again.url)
    assert.equal(await calls(), 3)
  })
})
