import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createClient } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'

const first = await startCountersign()
after(() => first[Symbol.asyncDispose]())
const second = await startCountersign()
after(() => second[Symbol.asyncDispose]())

/** A browser keeps the cookies of a host by their names, whatever the port. */
const cookies = new Map<string, string>()

function browserAt(base_url: string) {
  return createClient({
    base_url,
    fetch: async (url, init) => {
      const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
      const headers = { ...(init.headers as Record<string, string>), cookie }
      const response = await fetch(url, { ...init, headers })
      for (const given of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(given) ?? []
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return response
    },
  })
}

test('two Countersigns at two ports of one host have a session each in one browser', async () => {
  const at = { first: browserAt(first.page_url), second: browserAt(second.page_url) }
  const signIn = { email: first.admin.person.email, password: PASSWORD }
  await at.first.signIn({ body: signIn })
  await at.second.signIn({ body: signIn })
  assert.equal((await at.first.getSession({})).person?.id, first.admin.person.id)
  assert.equal((await at.second.getSession({})).person?.id, second.admin.person.id)
  await at.second.signOut({})
  assert.equal((await at.second.getSession({})).person, null)
  assert.equal((await at.first.getSession({})).person?.id, first.admin.person.id)
})
