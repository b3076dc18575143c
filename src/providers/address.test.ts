import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ProblemError } from '../contract/index.ts'
import { isPrivateAddress, parseProviderAddress } from './address.ts'

suite('an address is stored in one form', () => {
  const cases: [text: string, base_url: string, origin?: string][] = [
    ['https://git.example.com', 'https://git.example.com'],
    ['  https://git.example.com/\n', 'https://git.example.com'],
    ['git.example.com', 'https://git.example.com'],
    ['HTTPS://Git.Example.COM:443', 'https://git.example.com'],
    ['http://git.example.com:3000', 'http://git.example.com:3000'],
    ['https://example.com/git/', 'https://example.com/git', 'https://example.com'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ]
  for (const [text, base_url, origin = base_url] of cases) {
    test(JSON.stringify(text), () => {
      const address = parseProviderAddress(text)
      assert.equal(address.base_url, base_url)
      assert.equal(address.origin, origin)
    })
  }
})

suite('what is no usable address is turned away', () => {
  const cases: [text: string, says: RegExp][] = [
    ['', /Write it as/],
    ['not an address', /Write it as/],
    ['https://', /Write it as/],
    ['https://exa mple.com', /Write it as/],
    ['ftp://git.example.com', /Write it as/],
    ['file:///etc/passwd', /Write it as/],
    ['javascript:alert(1)', /Write it as/],
    ['https://git.example.com:99999', /Write it as/],
    ['http://[fe80::1%25eth0]', /Write it as/],
    ['https://alice@git.example.com', /user name/],
    ['https://alice:secret@git.example.com', /user name/],
    ['git@git.example.com', /user name/],
    ['https://git.example.com/?page=1', /\? or #/],
    ['https://git.example.com/#top', /\? or #/],
  ]
  for (const [text, says] of cases) {
    test(JSON.stringify(text), () => {
      assert.throws(
        () => parseProviderAddress(text),
        (error) =>
          error instanceof ProblemError &&
          error.type === 'provider-address-invalid' &&
          says.test(error.detail),
      )
    })
  }
})

suite('addresses of this machine, its neighbours and private networks', () => {
  for (const text of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:0a00:0001',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:7f00:1::1',
    '::ffff:0:127.0.0.1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'ff02::1',
  ]) {
    test(text, () => assert.equal(isPrivateAddress(text), true))
  }
})

suite('addresses of the public Internet, and what is no IP address', () => {
  for (const text of [
    '1.1.1.1',
    '9.255.255.255',
    '100.128.0.1',
    '172.32.0.1',
    '193.168.1.1',
    '223.255.255.255',
    '::ffff:1.1.1.1',
    '2606:4700:4700::1111',
    'git.example.com',
    '',
  ]) {
    test(JSON.stringify(text), () => assert.equal(isPrivateAddress(text), false))
  }
})

suite('other spellings of an address are the address', () => {
  for (const [text, hostname] of [
    ['http://2130706433', '127.0.0.1'],
    ['http://0x7f000001', '127.0.0.1'],
    ['http://0177.0.0.1', '127.0.0.1'],
    ['http://0x7f.1', '127.0.0.1'],
    ['http://127.1', '127.0.0.1'],
    ['http://①②⑦.⓪.⓪.①', '127.0.0.1'],
    ['http://2852039166', '169.254.169.254'],
    ['http://[::ffff:127.0.0.1]', '::ffff:7f00:1'],
    ['http://[0:0:0:0:0:0:0:1]', '::1'],
  ] as const) {
    test(text, () => {
      assert.equal(parseProviderAddress(text).hostname, hostname)
      assert.equal(isPrivateAddress(hostname), true)
    })
  }
})
