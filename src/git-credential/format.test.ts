import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  MAX_REQUEST_BYTES,
  parseAttributes,
  parseDaemonRequest,
  serializeAttributes,
} from './format.ts'
import { FormatError, type FormatReason } from './format-error.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const refused = (reason: FormatReason) => (error: unknown) =>
  error instanceof FormatError && error.reason === reason

const text = fc.string({ unit: 'binary', maxLength: 40 }).map((s) => s.replace(/\p{Cc}/gu, ''))
const name = text.map((s) => s.replaceAll('=', '').replace(/(\[\])+$/, '')).filter((s) => s !== '')
const attributes = fc.array(fc.tuple(name, text), { maxLength: 8 }).map((pairs) => new Map(pairs))

describe('parseAttributes', () => {
  it('reads what git writes', () => {
    const attributes = parseAttributes(
      bytes('capability[]=authtype\nprotocol=https\nhost=git.example.com:8443\npath=a/b.git\n'),
    )
    assert.deepEqual(Object.fromEntries(attributes), {
      protocol: 'https',
      host: 'git.example.com:8443',
      path: 'a/b.git',
    })
  })

  it('ends at a blank line, and at the end without one', () => {
    assert.equal(parseAttributes(bytes('a=1\n\nb=2\n')).has('b'), false)
    assert.equal(parseAttributes(bytes('a=1\nb=2')).get('b'), '2')
    assert.equal(parseAttributes(bytes('')).size, 0)
  })

  it('splits at the first "=" and keeps the last of two values', () => {
    const attributes = parseAttributes(bytes('password=a=b=\nx=1\nx=\n'))
    assert.equal(attributes.get('password'), 'a=b=')
    assert.equal(attributes.get('x'), '')
  })

  for (const [what, line, reason] of [
    ['a line without "="', 'host', 'not-an-attribute'],
    ['a line without a name', '=host', 'not-an-attribute'],
    ['a list without a name', '[]=host', 'not-an-attribute'],
    ['NUL', 'host=a\0b', 'control-character'],
    ['a carriage return', 'host=a\r', 'control-character'],
    ['an escape', 'host=\x1b[31m', 'control-character'],
    ['a C1 control', 'host=\u009b31m', 'control-character'],
    ['a control character in a name', 'ho\tst=a', 'control-character'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseAttributes(bytes(`protocol=https\n${line}\n`)), refused(reason))
    })
  }

  it('skips lists, whatever a Git host put into them', () => {
    const header = 'wwwauth[]=Basic realm="D\xe9p\xf4ts",\tcharset="UTF-8"\r\n'
    const attributes = parseAttributes(Buffer.from(`${header}host=a\n`, 'latin1'))
    assert.deepEqual(Object.fromEntries(attributes), { host: 'a' })
  })

  it('refuses bytes that are not UTF-8, and too many of them', () => {
    assert.throws(() => parseAttributes(Uint8Array.of(0x61, 0x3d, 0xff)), refused('not-utf-8'))
    assert.throws(
      () => parseAttributes(bytes(`a=${'x'.repeat(MAX_REQUEST_BYTES)}`)),
      refused('too-large'),
    )
  })
})

describe('parseDaemonRequest', () => {
  it('reads what git credential-cache writes', () => {
    const request = parseDaemonRequest(
      bytes('action=get\ntimeout=900\nprotocol=https\nhost=git.example.com\n'),
    )
    assert.equal(request.action, 'get')
    assert.equal(request.attributes.get('host'), 'git.example.com')
  })

  it('refuses an unknown action and a timeout that is none', () => {
    for (const first of ['', 'action=', 'action=dump', 'get', ' action=get', 'Action=get']) {
      const request = bytes(`${first}\ntimeout=1\n`)
      assert.throws(() => parseDaemonRequest(request), refused('action-unknown'))
    }
    for (const second of ['', 'timeout=', 'timeout=-1', 'timeout=1s', 'timeout=99999999999']) {
      const request = bytes(`action=get\n${second}\n`)
      assert.throws(() => parseDaemonRequest(request), refused('timeout-invalid'))
    }
  })
})

describe('serializeAttributes', () => {
  it('writes one line for each value', () => {
    const values = new Map([
      ['username', 'oauth2'],
      ['password', 's=cret'],
    ])
    assert.equal(serializeAttributes(values), 'username=oauth2\npassword=s=cret\n')
  })

  for (const [what, key, value, reason] of [
    ['a newline', 'password', 'a\nhost=evil.example', 'control-character'],
    ['a newline in a name', 'a\nb', 'c', 'control-character'],
    ['NUL', 'password', 'a\0', 'control-character'],
    ['a name with "="', 'a=b', 'c', 'not-an-attribute'],
    ['a name that would be a list', 'a[]', 'c', 'not-an-attribute'],
    ['half a character', 'password', '\ud800', 'not-utf-8'],
    ['a value without end', 'password', 'x'.repeat(MAX_REQUEST_BYTES), 'too-large'],
  ] as const) {
    it(`refuses ${what}`, () => {
      const values = new Map([[key, value]])
      assert.throws(() => serializeAttributes(values), refused(reason))
    })
  }
})

describe('the format, fuzzed', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(attributes, (written) => {
        assert.deepEqual(parseAttributes(bytes(serializeAttributes(written))), written)
      }),
    )
  })

  it('answers arbitrary bytes with attributes or a FormatError', () => {
    const line = fc.oneof(
      fc.constantFrom('action=get', 'timeout=1', 'host=a', 'a[]=', '', '='),
      fc.string({ unit: 'binary' }),
    )
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(line, { maxLength: 8 }).map((all) => bytes(all.join('\n'))),
    )
    fc.assert(
      fc.property(input, (arbitrary) => {
        for (const parse of [parseAttributes, parseDaemonRequest]) {
          try {
            parse(arbitrary)
          } catch (error) {
            assert.ok(error instanceof FormatError)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('writes nothing but lines without control characters', () => {
    const anything = fc.string({ unit: 'binary', maxLength: 20 })
    fc.assert(
      fc.property(anything, anything, (key, value) => {
        let written: string
        try {
          written = serializeAttributes(new Map([[key, value]]))
        } catch (error) {
          assert.ok(error instanceof FormatError)
          return
        }
        assert.match(written, /^[^=\p{Cc}]+=\P{Cc}*\n$/u)
      }),
      { numRuns: 1000 },
    )
  })
})
