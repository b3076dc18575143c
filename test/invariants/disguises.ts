/**
 * Every form in which a secret may lie about: as it is, backwards, in hex, percent-encoded, and in
 * base64 at each of the three places where it may begin in a longer text.
 */
export function disguises(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const backwards = [...secret].reverse().join('')
  const base64 = [0, 1, 2].flatMap((before) => [
    inside(bytes, before).toString(),
    inside(bytes, before).replaceAll('+', '-').replaceAll('/', '_'),
  ])
  const percent = hex.replace(/../g, '%$&')
  const escaped = hex.replace(/../g, '\\u00$&')
  return [
    ...new Set([
      secret,
      secret.toUpperCase(),
      backwards,
      Buffer.from(backwards).toString('base64'),
      hex,
      hex.toUpperCase(),
      percent,
      escaped,
      encodeURIComponent(secret),
      ...base64,
    ]),
  ]
}

/** What base64 makes of `bytes` behind `before` others, less the characters that depend on those. */
function inside(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const whole = Math.floor((before + bytes.length) / 3) * 4
  return text.slice(before === 0 ? 0 : 4, whole)
}
