import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { type Endpoint, endpoints, problems } from '../../src/contract/index.ts'
import { openApiDocument } from '../../src/contract/openapi.ts'

const PATH = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json')

interface Operation {
  operationId: string
  parameters?: { name: string; in: string; required: boolean }[]
  responses: Record<string, { description?: string; $ref?: string }>
  security: Record<string, string[]>[]
  tags: string[]
}

interface Document {
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, unknown>>
}

/** As it is written to the file. */
const document = JSON.parse(JSON.stringify(openApiDocument(packageJson.version))) as Document

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('docs/openapi.json says what the contract says; `npm run openapi` renews it', async () => {
  const checkedIn: unknown = JSON.parse(await readFile(PATH, 'utf8'))
  assert.deepEqual(checkedIn, document, 'run `npm run openapi`')
})

test('every endpoint is there once, with its method, path and status', () => {
  const found = new Map(operations.map((entry) => [entry.operation.operationId, entry]))
  assert.equal(found.size, operations.length, 'two operations have the same operationId')
  for (const [name, endpoint] of Object.entries<Endpoint>(endpoints)) {
    const entry = found.get(name)
    assert.equal(entry?.path, endpoint.path)
    assert.equal(entry?.method, endpoint.method.toLowerCase())
    assert.ok(entry?.operation.responses[endpoint.status], name)
  }
})

test('every problem that an endpoint names is told under its status', () => {
  for (const [name, endpoint] of Object.entries<Endpoint>(endpoints)) {
    const { responses } = operationNamed(name)
    for (const type of endpoint.problems) {
      const response = resolved(responses[problems[type].status])
      assert.match(response?.description ?? '', new RegExp(`\`${type}\``), `${name} ${type}`)
    }
  }
})

describe('rules of OpenAPI 3.1', () => {
  test('every reference leads somewhere', () => {
    const references = referencesIn(document)
    assert.ok(references.length > 100)
    for (const reference of references) {
      assert.notEqual(target(reference), undefined, `${reference} leads nowhere`)
    }
  })

  test('every component has a name that may stand in a reference, and is used', () => {
    const used = new Set(referencesIn(document))
    for (const [kind, members] of Object.entries(document.components)) {
      for (const name of Object.keys(members)) {
        assert.match(name, /^[\w.-]+$/)
        if (kind === 'schemas') assert.ok(used.has(`#/components/schemas/${name}`), name)
      }
    }
  })

  test('path parameters are declared, required, and nothing else is', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      assert.deepEqual(
        declared.map((parameter) => parameter.name),
        inPath,
        path,
      )
      assert.ok(declared.every((parameter) => parameter.required))
    }
  })

  test('no two paths can be mistaken for each other', () => {
    const templates = Object.keys(document.paths).map((path) => path.replace(/\{\w+\}/g, '{}'))
    assert.equal(new Set(templates).size, templates.length)
  })

  test('tags and security schemes are declared', () => {
    const tags = document.tags.map((tag) => tag.name)
    const schemes = Object.keys(document.components.securitySchemes ?? {})
    for (const { operation } of operations) {
      for (const tag of operation.tags) assert.ok(tags.includes(tag), tag)
      for (const scheme of operation.security.flatMap((choice) => Object.keys(choice))) {
        assert.ok(schemes.includes(scheme), scheme)
      }
    }
  })

  test('every response is described, and what a schema requires it also has', () => {
    for (const { path, operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.match(status, /^[1-5]\d\d$/)
        assert.ok(resolved(response)?.description, `${path} ${status}`)
      }
    }
    for (const { required, properties } of objectSchemasIn(document)) {
      for (const name of required) assert.ok(Object.hasOwn(properties, name), name)
    }
  })
})

function operationNamed(name: string): Operation {
  const found = operations.find(({ operation }) => operation.operationId === name)
  assert.ok(found, name)
  return found.operation
}

function resolved(response: { description?: string; $ref?: string } | undefined) {
  return response?.$ref === undefined
    ? response
    : (target(response.$ref) as { description?: string })
}

/** What a reference of the form `#/a/b` leads to. */
function target(reference: string): unknown {
  assert.match(reference, /^#\//)
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((value, name) => (value as Record<string, unknown>)?.[name], document)
}

function referencesIn(value: unknown): string[] {
  return objectsIn(value).flatMap(({ $ref }) => (typeof $ref === 'string' ? $ref : []))
}

function objectSchemasIn(value: unknown) {
  return objectsIn(value).flatMap(({ required, properties }) =>
    Array.isArray(required) && typeof properties === 'object' && properties !== null
      ? { required: required as string[], properties }
      : [],
  )
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.values(value).flatMap(objectsIn)
  return Array.isArray(value) ? below : [value as Record<string, unknown>, ...below]
}
