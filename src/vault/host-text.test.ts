import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyAccount } from './host-text.ts'

const account = { id: '1', login: 'carol', name: 'Carol', email: null, avatar_url: null }

test('an account is on one line, in its own order, and not long', () => {
  const odd = { ...account, login: 'ca\nr\u001bol\u2028', name: '\u202elorac\u2066\u200f' }
  const { login, name } = tidyAccount(odd)
  assert.deepEqual([login, name], ['carol', 'lorac'])
  assert.equal(tidyAccount({ ...account, name: 'x'.repeat(300) }).name.length, 255)
})

test('the address of a picture is one, or there is none', () => {
  const kept = (avatar_url: string) => tidyAccount({ ...account, avatar_url }).avatar_url
  for (const url of ['https://git.example.com/a.png?s=80', '/avatars/7'])
    assert.equal(kept(url), url)
  for (const url of ['https://git.example.com/\0', `/${'x'.repeat(3000)}`])
    assert.equal(kept(url), null)
})

test('names of all the world stay as they are', () => {
  for (const name of ['می‌خواهم', 'क्‍ष', '👩‍💻', 'José']) {
    assert.equal(tidyAccount({ ...account, name }).name, name)
  }
})
