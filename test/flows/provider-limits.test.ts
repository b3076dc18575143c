import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { TokenEndpointError } from '../../src/oauth/token-endpoint.ts'
import { createProviderLimits, type Turn } from '../../src/vault/provider-limits.ts'
import { createProviderPace, USUAL_LIMIT } from '../../src/vault/provider-pace.ts'
import { startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'

type Line = 'urgent' | 'patient' | 'poll'

const countersign = await startCountersign({ vaults: 0 })
after(() => countersign[Symbol.asyncDispose]())
const provider_id = countersign.provider.id

/** Calls of one vault, of which each notes its name when its turn comes. */
function startLine(at_once: number) {
  const { db } = countersign.database
  const limits = createProviderLimits(at_once, createProviderPace(db, 'tokens'))
  const order: string[] = []
  let running = 0
  let most = 0

  /** Goes into line for a call that lasts until `end`. */
  function call(name: string, line: Line, end?: Promise<void>, hurried?: Promise<void>) {
    const turn: Turn = {
      provider_id,
      limit: USUAL_LIMIT,
      urgent: line === 'urgent',
      poll: line === 'poll',
      ...(hurried === undefined ? {} : { hurried }),
    }
    return limits.run(turn, async () => {
      order.push(name)
      running += 1
      most = Math.max(most, running)
      await end
      running -= 1
    })
  }

  /** Has one call under way, so that all that come meanwhile wait. @returns lets it end */
  async function hold(): Promise<() => Promise<void>> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const held = call('held', 'urgent', promise)
    await until('the call that holds up the others', async () => order.length === 1)
    order.length = 0
    return async () => {
      resolve()
      await held
    }
  }

  return { limits, order, call, hold, most: () => most }
}

suite('turns at a provider', () => {
  test('the urgent go first, then the patient, each in their order', async () => {
    const line = startLine(1)
    const letGo = await line.hold()
    const calls = [
      line.call('patient 1', 'patient'),
      line.call('urgent 1', 'urgent'),
      line.call('patient 2', 'patient'),
      line.call('urgent 2', 'urgent'),
    ]
    await letGo()
    await Promise.all(calls)
    assert.deepEqual(line.order, ['urgent 1', 'urgent 2', 'patient 1', 'patient 2'])
  })

  test('of those that are not urgent, one in four is a poll, while others wait', async () => {
    const line = startLine(1)
    const letGo = await line.hold()
    const polls = ['a', 'b', 'c', 'd', 'e'].map((name) => line.call(name, 'poll'))
    const patient = ['1', '2', '3', '4', '5', '6'].map((name) => line.call(name, 'patient'))
    await letGo()
    await Promise.all([...polls, ...patient])
    assert.equal(line.order.join(''), '123a456bcde')
  })

  test('one of the patient moves up when somebody asks for it', async () => {
    const line = startLine(1)
    const letGo = await line.hold()
    const { promise: hurried, resolve: hurry } = Promise.withResolvers<void>()
    const calls = [
      line.call('1', 'patient'),
      line.call('2', 'patient'),
      line.call('3', 'patient', undefined, hurried),
      line.call('4', 'patient', undefined, Promise.resolve()),
    ]
    hurry()
    await letGo()
    await Promise.all(calls)
    assert.deepEqual(line.order.slice(2), ['1', '2'])
    assert.deepEqual(line.order.slice(0, 2).toSorted(), ['3', '4'])
  })

  test('no more calls are under way at once than there may be', async () => {
    const line = startLine(3)
    const { promise, resolve } = Promise.withResolvers<void>()
    const calls = Array.from({ length: 7 }, (_, at) => line.call(String(at), 'patient', promise))
    await until('as many as there may be', async () => line.order.length === 3)
    resolve()
    await Promise.all(calls)
    assert.equal(line.order.length, 7)
    assert.equal(line.most(), 3)
  })

  test('who would wait for a provider that wants nobody is sent away', async () => {
    const line = startLine(3)
    await line.limits.pause(provider_id, 600)
    const lines: Line[] = ['urgent', 'patient', 'poll']
    for (const kind of lines) {
      await assert.rejects(line.call(kind, kind), (error: unknown) => {
        assert.ok(error instanceof TokenEndpointError)
        assert.equal(error.outcome, 'transient')
        assert.ok((error.retry_after ?? 0) > 500)
        return true
      })
    }
    assert.deepEqual(line.order, [])
  })
})
