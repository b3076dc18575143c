import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type BoxAddress, MAX_PLAINTEXT_BYTES, readBoxHeader, sealBox } from './box.ts'
import { BoxError, type BoxErrorCode } from './box-error.ts'
import { decodeBase64Url, encodeBase64Url } from './encoding.ts'
import { generateVaultKey, importVaultPrivateKey } from './keys.ts'
import { openBox } from './open.ts'
import { createBoxSuite } from './suite.ts'

const address: BoxAddress = {
  purpose: 'token_set',
  row_id: 'con_1',
  owner_id: 'usr_alice',
  provider_id: 'prv_github',
}
const vaultKey = await generateVaultKey()
const privateKey = await importVaultPrivateKey(vaultKey.private_key)
const secret = 'ghp_not_a_real_token'

suite('a box', () => {
  test('opens at its address', async () => {
    const box = await sealBox(vaultKey, address, secret)
    assert.equal(text(await openBox(privateKey, address, box)), secret)
  })

  test('gives back any bytes', async () => {
    const bytes = fc.uint8Array({ maxLength: 1024 })
    await fc.assert(
      fc.asyncProperty(bytes, async (plaintext) => {
        const box = await sealBox(vaultKey, address, plaintext)
        assert.deepEqual(await openBox(privateKey, address, box), plaintext)
      }),
    )
  })

  test('holds bytes that look like padding, and lengths around a block', async () => {
    for (const length of [0, 1, 255, 256, 257, MAX_PLAINTEXT_BYTES]) {
      for (const fill of [0x00, 0x80]) {
        const plaintext = new Uint8Array(length).fill(fill)
        const box = await sealBox(vaultKey, address, plaintext)
        assert.deepEqual(await openBox(privateKey, address, box), plaintext)
      }
    }
  })

  test('does not tell the length of a token', async () => {
    const lengths = await Promise.all(
      [0, 20, 40, 93, 255].map(async (length) => {
        return (await sealBox(vaultKey, address, 'x'.repeat(length))).length
      }),
    )
    assert.equal(new Set(lengths).size, 1)
  })

  test('is never the same twice', async () => {
    const [one, other] = [
      await sealBox(vaultKey, address, secret),
      await sealBox(vaultKey, address, secret),
    ]
    assert.notEqual(one, other)
  })

  test('names its format and key', async () => {
    const box = await sealBox(vaultKey, address, secret)
    assert.deepEqual(readBoxHeader(box), { version: 1, key_id: vaultKey.key_id })
  })

  test('refuses more than 64 KiB', async () => {
    const plaintext = new Uint8Array(MAX_PLAINTEXT_BYTES + 1)
    await rejects(sealBox(vaultKey, address, plaintext), 'too-large')
    const box = await sealBox(vaultKey, address, secret)
    await rejects(openBox(privateKey, address, box + 'A'.repeat(100_000)), 'too-large')
  })
})

suite('a box moved elsewhere does not open', () => {
  const moves: [string, BoxAddress][] = [
    ['purpose', { ...address, purpose: 'client_secret' }],
    ['row', { ...address, row_id: 'con_2' }],
    ['owner', { ...address, owner_id: 'usr_mallory' }],
    ['provider', { ...address, provider_id: 'prv_gitlab' }],
    ['fields shifted', { ...address, row_id: 'con_1","usr_alice', owner_id: '' }],
  ]
  for (const [name, elsewhere] of moves) {
    test(name, async () => {
      const box = await sealBox(vaultKey, address, secret)
      await rejects(openBox(privateKey, elsewhere, box), 'not-authentic')
    })
  }
})

suite('an altered box does not open', () => {
  test('any one bit of enc or ct', async () => {
    const box = await sealBox(vaultKey, address, secret)
    const [prefix, key_id, ...parts] = box.split('.')
    const decoded = parts.map((part) => decodeBase64Url(part) ?? assert.fail())
    for (const bytes of decoded) {
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        flip(bytes, bit)
        const altered = [prefix, key_id, ...decoded.map(encodeBase64Url)].join('.')
        await rejects(openBox(privateKey, address, altered), 'not-authentic')
        flip(bytes, bit)
      }
    }
    const restored = [prefix, key_id, ...decoded.map(encodeBase64Url)].join('.')
    assert.equal(text(await openBox(privateKey, address, restored)), secret)
  })

  test('any one character', async () => {
    const box = await sealBox(vaultKey, address, secret)
    for (let index = 0; index < box.length; index += 1) {
      const other = box[index] === 'A' ? 'B' : 'A'
      const altered = box.slice(0, index) + other + box.slice(index + 1)
      await assert.rejects(openBox(privateKey, address, altered), BoxError)
    }
  })

  test('another vault key', async () => {
    const other = await generateVaultKey()
    const otherPrivateKey = await importVaultPrivateKey(other.private_key)
    const box = await sealBox(vaultKey, address, secret)
    await rejects(openBox(otherPrivateKey, address, box), 'wrong-key')
    const relabelled = box.replace(vaultKey.key_id, other.key_id)
    await rejects(openBox(otherPrivateKey, address, relabelled), 'not-authentic')
  })

  test('sealed under another info string', async () => {
    const hpke = createBoxSuite()
    const recipientPublicKey = privateKey.pair.publicKey
    const aad = JSON.stringify([1, ...Object.values(address)])
    const padded = new Uint8Array(256).fill(0x80, 255)
    const encoder = new TextEncoder()
    for (const [info, opens] of [
      ['countersign/box/v1', true],
      ['countersign/box/v2', false],
    ] as const) {
      const { enc, ct } = await hpke.seal(
        { recipientPublicKey, info: encoder.encode(info).buffer },
        padded.buffer,
        encoder.encode(aad).buffer,
      )
      const parts = [enc, ct].map((part) => encodeBase64Url(new Uint8Array(part)))
      const opening = openBox(privateKey, address, ['csb1', vaultKey.key_id, ...parts].join('.'))
      await (opens ? opening : rejects(opening, 'not-authentic'))
    }
  })
})

suite('what is no box is malformed', () => {
  test('a piece missing, added or misspelled', async () => {
    const box = await sealBox(vaultKey, address, secret)
    const [prefix, key_id, enc, ct] = box.split('.')
    const nonsense = [
      '',
      'csb1',
      secret,
      `${box}.`,
      `${box}=`,
      ` ${box}`,
      `${box}\n`,
      `csb2.${key_id}.${enc}.${ct}`,
      `${prefix}..${enc}.${ct}`,
      `${prefix}.${key_id}.${enc}`,
      `${prefix}.${key_id}.${enc}.`,
      `${prefix}.${key_id}.${enc?.slice(1)}.${ct}`,
      `${prefix}.${key_id}.${enc}.${ct?.slice(4)}`,
      `${prefix}.${key_id}.${enc}.+${ct?.slice(1)}`,
    ]
    for (const text of nonsense) {
      assert.throws(() => readBoxHeader(text), { name: 'BoxError', code: 'malformed' }, text)
      await rejects(openBox(privateKey, address, text), 'malformed')
    }
  })

  test('any text is refused with a BoxError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.throws(() => readBoxHeader(text), BoxError)
      }),
    )
  })

  test('an authentic box without padding', async () => {
    const { enc, ct } = await createBoxSuite().seal(
      {
        recipientPublicKey: privateKey.pair.publicKey,
        info: new TextEncoder().encode('countersign/box/v1').buffer,
      },
      new Uint8Array(256).buffer,
      new TextEncoder().encode(JSON.stringify([1, ...Object.values(address)])).buffer,
    )
    const parts = [enc, ct].map((part) => encodeBase64Url(new Uint8Array(part)))
    const box = ['csb1', vaultKey.key_id, ...parts].join('.')
    await rejects(openBox(privateKey, address, box), 'malformed')
  })
})

function flip(bytes: Uint8Array, bit: number): void {
  const index = bit >> 3
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit & 7))
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function rejects(promise: Promise<unknown>, code: BoxErrorCode): Promise<void> {
  return assert.rejects(promise, { name: 'BoxError', code })
}
