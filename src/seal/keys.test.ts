import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { sealBox } from './box.ts'
import { decodeBase64Url } from './encoding.ts'
import { generateVaultKey, importVaultPrivateKey } from './keys.ts'

suite('a vault key', () => {
  test('has a text form that scanners find', async () => {
    const { private_key } = await generateVaultKey()
    assert.match(private_key, /^csk_[A-Za-z0-9_-]{49}$/)
  })

  test('is the same after its text form', async () => {
    const { private_key, ...generated } = await generateVaultKey()
    const { pair, ...imported } = await importVaultPrivateKey(private_key)
    assert.deepEqual(imported, generated)
    assert.equal(pair.privateKey.extractable, false)
  })

  test('is named by its public half', async () => {
    const { key_id, public_key } = await generateVaultKey()
    const raw = decodeBase64Url(public_key) ?? assert.fail()
    assert.equal(raw.length, 32)
    assert.equal(key_id, createHash('sha256').update(raw).digest('base64url').slice(0, 16))
  })

  test('is refused when any character is wrong, missing or added', async () => {
    const { private_key } = await generateVaultKey()
    const wrong = [...private_key].map((character, index) => {
      const other = character === 'x' ? 'y' : 'x'
      return private_key.slice(0, index) + other + private_key.slice(index + 1)
    })
    for (const text of [...wrong, '', private_key.slice(0, -1), `${private_key}x`]) {
      await assert.rejects(importVaultPrivateKey(text), { name: 'BoxError', code: 'malformed' })
    }
  })

  test('is never shown by its error', async () => {
    const { private_key } = await generateVaultKey()
    await assert.rejects(importVaultPrivateKey(`${private_key}x`), (error: Error) => {
      return !String(error.stack).includes(private_key.slice(4, 20))
    })
  })

  test('seals only under its own id', async () => {
    const [key, other] = [await generateVaultKey(), await generateVaultKey()]
    const address = { purpose: 'candidate', row_id: 'a', owner_id: 'b', provider_id: 'c' } as const
    const mislabelled = { key_id: other.key_id, public_key: key.public_key }
    await assert.rejects(sealBox(mislabelled, address, 'x'), { code: 'malformed' })
  })
})
