import { FormatError } from './format-error.ts'

/** Longest description of a credential, in bytes. Known tokens stay well under it. */
export const MAX_REQUEST_BYTES = 64 * 1024

/** Attributes of a credential, by name. */
export type Attributes = ReadonlyMap<string, string>

const actions = ['get', 'store', 'erase', 'exit'] as const
type Action = (typeof actions)[number]

/** What `git credential-cache` asks of the daemon behind its socket. */
export interface DaemonRequest {
  readonly action: Action
  readonly attributes: Attributes
}

/**
 * Reads `key=value` lines up to a blank line or the end; the last line may lack its newline. A name
 * given twice keeps its last value. Lists, `name[]=value`, are skipped: none means anything here, and
 * Git puts into them what a Git host sends as headers, whatever bytes these are.
 *
 * Stricter than Git in one thing: a control character anywhere else is refused, carriage returns too.
 *
 * @throws {FormatError}
 * @see https://git-scm.com/docs/git-credential#IOFMT
 */
export function parseAttributes(bytes: Uint8Array): Attributes {
  return attributesOf(lines(bytes))
}

/**
 * Reads a whole request to the cache daemon: `action=`, `timeout=`, then attributes. For how long a
 * credential may be kept is read over: none is.
 *
 * @throws {FormatError}
 * @see https://github.com/git/git/blob/v2.39.5/builtin/credential-cache--daemon.c read_request
 */
export function parseDaemonRequest(bytes: Uint8Array): DaemonRequest {
  const [first = '', second = '', ...rest] = lines(bytes)
  const action = actions.find((name) => first === `action=${name}`)
  if (action === undefined) {
    throw new FormatError('action-unknown', 'The first line must name a known action.')
  }
  if (!/^timeout=\d{1,10}$/.test(second)) {
    throw new FormatError('timeout-invalid', 'The second line must be a timeout in seconds.')
  }
  return { action, attributes: attributesOf(rest) }
}

/**
 * The lines for `attributes`, without the blank line that ends them on a pipe that stays open.
 *
 * @throws {FormatError} when a name or value could be read back as something else
 */
export function serializeAttributes(attributes: Attributes): string {
  let text = ''
  for (const [name, value] of attributes) {
    text += `${checkedName(name)}=${checkedValue(value)}\n`
  }
  if (Buffer.byteLength(text) > MAX_REQUEST_BYTES) throw tooLarge()
  return text
}

/** Lines with a character for each byte. */
function lines(bytes: Uint8Array): string[] {
  if (bytes.byteLength > MAX_REQUEST_BYTES) throw tooLarge()
  const all = Buffer.from(bytes).toString('latin1').split('\n')
  if (all.at(-1) === '') all.pop()
  return all
}

function textOf(line: string): string {
  // Nearly every line is plain, and Git waits: no decoder is made for those.
  if (/^[ -~]*$/.test(line)) return line
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return decoder.decode(Buffer.from(line, 'latin1'))
  } catch (error) {
    throw new FormatError('not-utf-8', 'Attributes must be UTF-8.', { cause: error })
  }
}

function attributesOf(all: readonly string[]): Attributes {
  const attributes = new Map<string, string>()
  for (const line of all) {
    if (line === '') break
    if (/^[^=]+\[\]=/.test(line)) continue
    const text = textOf(line)
    const equals = text.indexOf('=')
    if (equals < 0) throw notAnAttribute()
    attributes.set(checkedName(text.slice(0, equals)), checkedValue(text.slice(equals + 1)))
  }
  return attributes
}

function checkedName(name: string): string {
  if (name === '' || name.includes('=') || name.endsWith('[]')) throw notAnAttribute()
  return checkedValue(name)
}

function checkedValue(value: string): string {
  if (/\p{Cc}/u.test(value)) {
    throw new FormatError('control-character', 'Attributes must not hold control characters.')
  }
  if (!value.isWellFormed()) throw new FormatError('not-utf-8', 'Attributes must be UTF-8.')
  return value
}

function notAnAttribute(): FormatError {
  return new FormatError('not-an-attribute', 'Every line must be a name, "=" and a value.')
}

function tooLarge(): FormatError {
  return new FormatError('too-large', `Attributes must fit into ${MAX_REQUEST_BYTES} bytes.`)
}
