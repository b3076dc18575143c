import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Convert } from 'typebox/value'

type Checked = { value: unknown } | { error: FastifySchemaValidationError[] }

/**
 * A validator for one part of a request. Path and query are text, so numbers and booleans in them
 * are read as such; a body must have the right types as it is.
 */
export function compileSchema(schema: unknown, httpPart: string | undefined) {
  const known = schema as TSchema
  const validator = Compile(known)
  return (input: unknown): Checked => {
    const value = httpPart === 'body' ? input : withDefaults(known, Convert(known, input ?? {}))
    if (validator.Check(value)) return { value }
    const errors = ofNearest([...validator.Errors(value)]).slice(0, 8)
    return { error: errors as FastifySchemaValidationError[] }
  }
}

/** Of a form that comes in two ways, what is wrong with the one that the input is nearer to. */
function ofNearest<Fault extends { schemaPath: string }>(faults: Fault[]): Fault[] {
  const ways = Map.groupBy(faults, ({ schemaPath }) => /^#\/anyOf\/\d+/.exec(schemaPath)?.[0])
  ways.delete(undefined)
  const [nearest = faults] = [...ways.values()].toSorted((one, other) => one.length - other.length)
  return nearest
}

function withDefaults(schema: TSchema, value: unknown): unknown {
  const { properties } = schema as { properties?: Record<string, { default?: unknown }> }
  const defaults = Object.entries(properties ?? {}).flatMap(([name, property]) =>
    property.default === undefined ? [] : [[name, property.default]],
  )
  return { ...Object.fromEntries(defaults), ...(value as object) }
}
