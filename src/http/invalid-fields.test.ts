import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpoints, inputs, PageQuery } from '../contract/index.ts'
import { invalidFields } from './invalid-fields.ts'
import { compileSchema } from './validate.ts'

function faultsOf(schema: unknown, value: unknown, part = 'body'): [string, string][] {
  const checked = compileSchema(schema, part)(value)
  if (!('error' in checked)) assert.fail('it is valid')
  return invalidFields(checked.error).map(({ pointer, detail }) => [pointer, detail])
}

const joining = { token: 'x', name: 'ana', email: 'ana@example.com', password: 'x' }

const EMAIL = 'Type an e-mail address, like ana@example.com.'

const cases: [string, unknown, unknown, [string, string][]][] = [
  ['no e-mail address', inputs.acceptInvite, { ...joining, email: 'ana' }, [['/email', EMAIL]]],
  [
    'too long, and no e-mail address either: one sentence',
    inputs.acceptInvite,
    { ...joining, email: 'x'.repeat(321) },
    [['/email', 'Use at most 320 characters.']],
  ],
  [
    'a password without end',
    inputs.acceptInvite,
    { ...joining, password: 'x'.repeat(257) },
    [['/password', 'Use at most 256 characters.']],
  ],
  ['empty', inputs.updateAccount, { name: '' }, [['/name', 'Leave it not empty.']]],
  [
    'with characters that cannot stand there',
    inputs.createRuntime,
    { name: 'No Good', provider_ids: [] },
    [['/name', 'It has characters that cannot stand here, or not in this place.']],
  ],
  ['missing', inputs.signIn, {}, [['', 'Missing: email, password.']]],
  [
    'not known',
    inputs.signIn,
    { email: '', password: '', role: 'admin' },
    [['', 'Not known here: role.']],
  ],
  [
    'of another type',
    inputs.updateAccount,
    { name: 7 },
    [['/name', 'Send it as JSON of the type string.']],
  ],
  [
    'none of the values',
    inputs.createInvite,
    { role: 'king' },
    [['/role', 'Use one of the values that are possible here.']],
  ],
  [
    'no id',
    inputs.createRuntime,
    { name: 'ci', provider_ids: ['x'] },
    [['/provider_ids/0', 'Send the id as it was given out, in lower case.']],
  ],
  [
    'an id in another form',
    inputs.createRuntime,
    { name: 'ci', provider_ids: ['DC5DD8DC-19D4-43C8-9850-C5AF92EDF723'] },
    [['/provider_ids/0', 'Send the id as it was given out, in lower case.']],
  ],
  [
    'wrong in a form that comes in two ways: nothing of the other way',
    endpoints.issueCredential.body,
    { person: 'ana@example.com', protocol: 'https', host: 'git.example.com', min_ttl: -1 },
    [['/min_ttl', 'Use 0 or more.']],
  ],
  ['too many', PageQuery, { limit: 101 }, [['/limit', 'Use 100 or less.']]],
  ['too few', PageQuery, { limit: 0 }, [['/limit', 'Use 1 or more.']]],
]

for (const [name, schema, value, sentences] of cases) {
  test(`a field that is ${name}`, () => {
    assert.deepEqual(faultsOf(schema, value), sentences)
  })
}
