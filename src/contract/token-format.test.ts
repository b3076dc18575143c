import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProviderKind } from './resources.ts'
import { type TokenFault, tokenFault } from './token-format.ts'

const cases: [string, string, ProviderKind, TokenFault['type'] | undefined, RegExp][] = [
  ['nothing', '', 'gitea', 'token-empty', /Paste the token that Forge made/],
  ['64 KiB', 'garbage!'.repeat(8192), 'gitea', 'token-too-long', /65,536 characters.* 8,192/],
  ['one of another host', 'ghp_a1B2', 'gitea', 'token-of-another-provider', /token of GitHub\. /],
  ['a runtime key', 'csr_a1B2', 'github', 'token-of-another-provider', /a runtime key/],
  ['one of another host, and a word', 'ghp_a1B2 x', 'gitea', 'token-of-another-provider', /GitHub/],
  ['several words', 'correct horse', 'gitea', 'token-malformed', /a password or a sentence/],
  ['two lines', 'a1B2\nc3D4', 'gitea', 'token-malformed', /a password or a sentence/],
  ['a picture', 'a1B2\u{1f600}', 'gitea', 'token-malformed', /characters that no token has/],
  ['one of this host', 'ghp_a1B2', 'github', undefined, /^$/],
  ['what only the host can tell', '0123456789abcdef', 'gitea', undefined, /^$/],
]

for (const [name, token, kind, type, says] of cases) {
  test(`${name} is ${type ?? 'asked about'}`, () => {
    const fault = tokenFault(token, { kind, name: 'Forge' })
    assert.equal(fault?.type, type)
    assert.match(fault?.detail ?? '', says)
  })
}
