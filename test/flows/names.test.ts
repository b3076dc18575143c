import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { api } = countersign.admin

for (const name of ['عبد الله', '👩‍💻 Ada', '<b>Ada</b> & co', "O'Brien, 2nd", '李']) {
  test(`somebody is called ${name}`, async () => {
    assert.equal((await api.updateAccount({ body: { name } })).name, name)
  })
}

for (const [what, name] of [
  ['turns the words after it', 'Ada \u202e gnp.exe'],
  ['has two lines', 'Ada\nLovelace'],
  ['cannot be seen', '\u200b\u2060'],
] as const) {
  test(`nobody has a name that ${what}`, async () => {
    const { extensions } = await refusal(api.updateAccount({ body: { name } }), 'request-invalid')
    assert.deepEqual(
      extensions.errors?.map(({ pointer }) => pointer),
      ['/name'],
    )
  })
}
