import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { ACTIONS, type Action, type recordDenial } from '../../src/policy/decide.ts'
import type { Departure } from '../../src/vault/audit-commit.ts'
import { actionWords } from '../../web/src/activity/actions.ts'
import { openAuditTrail } from '../harness/audit-trail.ts'
import { startCountersign } from '../harness/countersign.ts'
import { administratorActs } from './audit-rows/administrators.ts'
import { grantActs } from './audit-rows/grants.ts'
import { memberActs } from './audit-rows/members.ts'
import { peopleActs } from './audit-rows/people.ts'
import { runtimeTokenActs } from './audit-rows/runtime-tokens.ts'
import { runtimeActs } from './audit-rows/runtimes.ts'
import { setupActs } from './audit-rows/setup.ts'
import { tokenActs } from './audit-rows/tokens.ts'

/** Who did what, to what, from where and with which outcome, in every row of the audit trail. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const seen = new Set<string>()
const trail = openAuditTrail(countersign.admin.api, countersign.database, seen)

peopleActs(countersign, trail)
tokenActs(countersign, trail)
grantActs(countersign, trail)
administratorActs(countersign, trail)
runtimeTokenActs(countersign, trail)
memberActs(countersign, trail)
runtimeActs(countersign, trail)
setupActs(countersign, trail)

/** Actions that are written down elsewhere than in `decide`, as far as the types know of any. */
const elsewhere: Record<Exclude<ElsewhereAction, Action>, Outcome[]> = {
  administration: ['denied'],
  'credential.issue': ['allowed', 'denied'],
  'repository.access': ['allowed', 'denied'],
}
type Outcome = 'allowed' | 'denied'
type ElsewhereAction = Parameters<typeof recordDenial>[1]['action'] | Departure['action']

suite('nothing is left out', () => {
  test('every action there is was seen above', () => {
    const wanted = [
      ...ACTIONS.map((action) => `${action} allowed`),
      ...Object.entries(elsewhere).flatMap(([action, outcomes]) =>
        outcomes.map((outcome) => `${action} ${outcome}`),
      ),
    ]
    assert.deepEqual(
      wanted.filter((one) => !seen.has(one)),
      [],
    )
  })

  test('the page of the trail has words for every action', () => {
    const actions = [...ACTIONS, ...Object.keys(elsewhere)]
    assert.deepEqual(
      actions.filter((action) => !Object.hasOwn(actionWords, action)),
      [],
    )
  })

  test('every place that writes a row is one whose actions are known here', async () => {
    const source = join(import.meta.dirname, '..', '..', 'src')
    const writing: string[] = []
    for await (const path of glob('**/*.ts', { cwd: source })) {
      const text = await readFile(join(source, path), 'utf8')
      if (/insertInto\('audit'\)|insert into audit\b/.test(text)) writing.push(path)
    }
    assert.deepEqual(writing.toSorted(), [
      'policy/decide.ts',
      'vault/audit-commit.ts',
      'vault/issue-credential.ts',
    ])
  })
})
