import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createClient } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, page_url } = countersign
const anyone = createClient({ base_url: page_url })

const password = PASSWORD

async function newInvite(): Promise<string> {
  const { url } = await admin.api.createInvite({ body: { role: 'member' } })
  return url.split('#')[1] ?? ''
}

for (const email of ["o'brien@example.com", 'r-d.x_1+git@mail.example.co.uk', 'Ana@Example.COM']) {
  test(`whoever joins as ${email} can come back`, async () => {
    const token = await newInvite()
    const body = { token, name: 'ana', email, password }
    const { person } = await anyone.acceptInvite({ body })
    const again = await anyone.signIn({ body: { email, password } })
    assert.deepEqual(again.person, person)
    assert.equal(person?.email, email.toLowerCase())
  })
}

for (const email of ['root@localhost', 'r&d@example.com', 'a/b@example.com', '"x y"@example.com']) {
  test(`nobody joins as ${email}, which cannot sign in, and the invitation is kept`, async () => {
    const token = await newInvite()
    const joining = anyone.acceptInvite({ body: { token, name: 'ana', email, password } })
    const { extensions } = await refusal(joining, 'request-invalid')
    const detail = 'Type an e-mail address, like ana@example.com.'
    assert.deepEqual(extensions.errors, [{ pointer: '/email', detail }])
    await anyone.readInvite({ body: { token } })
    await refusal(admin.api.createInvite({ body: { role: 'member', email } }), 'request-invalid')
  })
}
