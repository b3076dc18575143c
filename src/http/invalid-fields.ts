import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { EMAIL_HINT, EMAIL_PATTERN, ID_PATTERN } from '../contract/index.ts'

/** A place in a request that does not have the expected form, and a sentence about it. */
export interface InvalidField {
  /** RFC 6901 */
  pointer: string
  detail: string
}

/** What a validator found, with one sentence for each place: people read them beside the field. */
export function invalidFields(found: readonly FastifySchemaValidationError[]): InvalidField[] {
  const fields = new Map<string, InvalidField>()
  // TypeBox says `boolean` of each property that is not known, and then names them all together.
  for (const error of found.filter(({ keyword }) => keyword !== 'boolean')) {
    const { instancePath: pointer } = error
    if (!fields.has(pointer)) fields.set(pointer, { pointer, detail: sentenceOf(error) })
  }
  return [...fields.values()]
}

function sentenceOf({ keyword, params }: FastifySchemaValidationError): string {
  const { limit } = params
  switch (keyword) {
    case 'required':
      return `Missing: ${nameAll(params.requiredProperties)}.`
    case 'additionalProperties':
      return `Not known here: ${nameAll(params.additionalProperties)}.`
    case 'format':
      return formats[String(params.format)] ?? 'Write it in the form that is expected here.'
    case 'pattern':
      if (String(params.pattern) === EMAIL_PATTERN) return EMAIL_HINT
      if (String(params.pattern) === ID_PATTERN) return ID_HINT
      return 'It has characters that cannot stand here, or not in this place.'
    case 'minLength':
      return limit === 1 ? 'Leave it not empty.' : `Use at least ${limit} characters.`
    case 'maxLength':
      return `Use at most ${limit} characters.`
    case 'minimum':
      return `Use ${limit} or more.`
    case 'maximum':
      return `Use ${limit} or less.`
    case 'maxItems':
      return `Choose at most ${limit}.`
    case 'type':
      return `Send it as JSON of the type ${params.type}.`
    default:
      return 'Use one of the values that are possible here.'
  }
}

const ID_HINT = 'Send the id as it was given out, in lower case.'

const formats: Record<string, string> = {
  email: EMAIL_HINT,
  uuid: ID_HINT,
  'date-time': 'Write the moment as RFC 3339 has it, like 2027-10-12T09:00:00Z.',
}

function nameAll(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : String(names)
}
