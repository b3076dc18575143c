import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'

const CELLS = 5
const CELL = 24
const MARGIN = 12
const SIDE = CELLS * CELL + 2 * MARGIN
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const BACKGROUND = [240, 242, 245]

/** The name under which an account's picture is served. */
export function avatarHash(email: string): string {
  return createHash('sha256').update(email.trim().toLowerCase()).digest('hex').slice(0, 32)
}

/**
 * Draws the picture that belongs to a hash: five by five cells, mirrored left to right, in one
 * colour. The same hash is always the same PNG.
 * @see https://www.w3.org/TR/png-3/
 */
export function drawAvatar(hash: string): Buffer {
  const digest = createHash('sha256').update(hash).digest()
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE, 0)
  header.writeUInt32BE(SIDE, 4)
  header[8] = 8 // bits per pixel
  header[9] = 3 // pixels are indexes into the palette
  const palette = Buffer.from([...BACKGROUND, ...colourOf(digest[31] ?? 0)])
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(drawPixels(digest))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function drawPixels(digest: Buffer): Buffer {
  const row_length = SIDE + 1 // each row starts with its filter type, 0
  const pixels = Buffer.alloc(row_length * SIDE)
  for (let y = MARGIN; y < SIDE - MARGIN; y++) {
    for (let x = MARGIN; x < SIDE - MARGIN; x++) {
      const column = Math.floor((x - MARGIN) / CELL)
      const row = Math.floor((y - MARGIN) / CELL)
      const mirrored = Math.min(column, CELLS - 1 - column)
      pixels[y * row_length + x + 1] = (digest[row * 3 + mirrored] ?? 0) & 1
    }
  }
  return pixels
}

function colourOf(seed: number): number[] {
  const hue = (seed / 256) * 360
  return [0, 8, 4].map((offset) => {
    const position = (offset + hue / 30) % 12
    const share = Math.max(-1, Math.min(position - 3, 9 - position, 1))
    return Math.round(255 * (0.45 - 0.225 * share))
  })
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}
