import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { GOOD_SCOPES } from '../harness/forge.ts'
import { startLoad } from './load.ts'

const REPLACEMENTS = 12
const READERS = 6

/** A token that was handed in, with the places in the order of events between which it was. */
interface Handed {
  token: string
  /** Before it was handed in: nobody can have it from us earlier. */
  sent: number
  /** After it was accepted; undefined: it never was. */
  accepted: number | undefined
}

test('replacing a token never leaves a moment without one that works', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { admin, forge, provider, vault_urls } = countersign
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const first = await forge.token()
  await admin.addToken(row, first)

  await using load = startLoad({
    vault_urls,
    runtime_key: key,
    request: { person: admin.person.email, protocol: 'http', host: new URL(forge.url).host },
    callers: READERS,
  })
  const handed: Handed[] = [{ token: first, sent: 0, accepted: 0 }]
  for (let turn = 0; turn < REPLACEMENTS; turn += 1) {
    const is_good = turn % 3 !== 2
    const token = is_good ? await forge.token() : await badToken(turn)
    const sent = load.mark()
    const { status } = await admin.addToken(row, token)
    assert.equal(status, is_good ? 'accepted' : 'refused')
    handed.push({ token, sent, accepted: is_good ? load.mark() : undefined })
    if (is_good) await load.more(READERS, (answer) => answer.token === token)
  }
  await load.end()

  assert.deepEqual(
    load.answers.filter(({ problem }) => problem !== undefined),
    [],
  )
  for (const answer of load.answers) {
    const place = handed.findIndex(({ token }) => token === answer.token)
    const current = handed[place]
    assert.ok(current?.accepted !== undefined, 'a token that was never accepted was answered')
    const next = handed.slice(place + 1).find(({ accepted }) => accepted !== undefined)
    assert.ok(answer.ended > current.sent, 'a token was answered before it was handed in')
    assert.ok(answer.began < (next?.accepted ?? Infinity), 'a token was answered when replaced')
  }
  const answered = new Set(load.answers.map(({ token }) => token))
  assert.equal(answered.size, handed.filter(({ accepted }) => accepted !== undefined).length)

  /** Unknown to the forge, or one that may do too little: of each kind every second one. */
  async function badToken(turn: number): Promise<string> {
    if (turn % 2 === 0) return await forge.token('alice', GOOD_SCOPES.slice(0, 1))
    return turn.toString(16).padStart(40, '0')
  }
})
