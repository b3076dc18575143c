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
    const errors = [...validator.Errors(value)].slice(0, 8)
    return { error: errors as FastifySchemaValidationError[] }
  }
}

function withDefaults(schema: TSchema, value: unknown): unknown {
  const { properties } = schema as { properties?: Record<string, { default?: unknown }> }
  const defaults = Object.entries(properties ?? {}).flatMap(([name, property]) =>
    property.default === undefined ? [] : [[name, property.default]],
  )
  return { ...Object.fromEntries(defaults), ...(value as object) }
}
