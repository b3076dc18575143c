import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import vector from './rfc9180-vectors.json' with { type: 'json' }
import { createBoxSuite } from './suite.ts'

test('the suite is the one the vector names', () => {
  const { kem, kdf, aead } = createBoxSuite()
  assert.deepEqual([kem.id, kdf.id, aead.id], [vector.kem_id, vector.kdf_id, vector.aead_id])
})

test('a recipient opens the published ciphertexts', async () => {
  const recipient = await createRecipient()
  for (const { aad, pt, ct } of vector.encryptions) {
    assert.equal(hex(await recipient.open(bytes(ct), bytes(aad))), pt)
  }
})

test('a sender makes the published ciphertexts', async () => {
  const sender = await createSender()
  assert.equal(hex(sender.enc), vector.enc)
  for (const { aad, pt, ct } of vector.encryptions) {
    assert.equal(hex(await sender.seal(bytes(pt), bytes(aad))), ct)
  }
})

test('a thousand ciphertexts have the published digest, and open', async () => {
  const draw = shakeInputs()
  const [sender, recipient] = [await createSender(), await createRecipient()]
  const digest = createHash('shake128', { outputLength: 16 })
  for (let sequence = 0; sequence < 1000; sequence += 1) {
    const [aad, pt] = [draw(), draw()]
    const ct = await sender.seal(pt, aad)
    digest.update(new Uint8Array(ct))
    assert.equal(hex(await recipient.open(ct, aad)), hex(pt))
  }
  assert.equal(digest.digest('hex'), vector.encryptions_accumulated)
})

async function createSender() {
  const suite = createBoxSuite()
  return suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(bytes(vector.pkRm)),
    info: bytes(vector.info),
    ekm: bytes(vector.ikmE),
  })
}

async function createRecipient() {
  const suite = createBoxSuite()
  return suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(bytes(vector.skRm)),
    enc: bytes(vector.enc),
    info: bytes(vector.info),
  })
}

/** Inputs as the digest's makers drew them: SHAKE128 of nothing, read as one length byte, then data. */
function shakeInputs(): () => ArrayBuffer {
  const stream = createHash('shake128', { outputLength: 600_000 }).digest()
  let offset = 0
  return () => {
    const start = offset + 1
    offset = start + stream.readUInt8(offset)
    return Uint8Array.from(stream.subarray(start, offset)).buffer
  }
}

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'hex')).buffer
}

function hex(data: ArrayBuffer): string {
  return Buffer.from(data).toString('hex')
}
