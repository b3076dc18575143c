import type { TSchema } from 'typebox'
import {
  Access,
  AccessDetail,
  Account,
  Authorization,
  Candidate,
  Connection,
  ConnectionStatus,
  RuntimeToken,
  VaultPublicKey,
} from './connections.ts'
import { Credential, CredentialRequest, RuntimeView } from './credentials.ts'
import type { Caller, Endpoint } from './endpoint.ts'
import { commonProblems, EVENTS_PATH, endpoints } from './endpoints.ts'
import { Problem, type ProblemType, problems, problemUri } from './problems.ts'
import {
  AuditEntry,
  Id,
  Invite,
  Person,
  Provider,
  ProviderKind,
  ProviderSummary,
  Role,
  Runtime,
  RuntimeKey,
  RuntimeSummary,
  Scope,
  Session,
} from './resources.ts'

/** Any part of the document: plain JSON. */
interface Json {
  [name: string]: unknown
}

/** Schemas that are referred to by name; what has no name here stands where it is used. */
const schemas = {
  Access,
  AccessDetail,
  Account,
  AuditEntry,
  Authorization,
  Candidate,
  Connection,
  ConnectionStatus,
  Credential,
  CredentialRequest,
  Id,
  Invite,
  Person,
  Problem,
  Provider,
  ProviderKind,
  ProviderSummary,
  Role,
  Runtime,
  RuntimeKey,
  RuntimeSummary,
  RuntimeToken,
  RuntimeView,
  Scope,
  Session,
  VaultPublicKey,
}

const names = new Map<unknown, string>(
  Object.entries(schemas).map(([name, schema]) => [schema, name]),
)

const problemTypes = Object.keys(problems) as ProblemType[]

const descriptions: Record<number, string> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken; the work goes on in the background.',
  204: 'Done; there is nothing to say.',
}

/** Problems that the form of a request with a body can have, whichever endpoint it is for. */
const bodyProblems: readonly ProblemType[] = [
  'request-too-slow',
  'body-too-large',
  'media-type-unsupported',
]

const security: Record<Caller, readonly Json[]> = {
  // These are read when they are there: they say who is signed in, and who signs out.
  anyone: [{}, { session: [] }, { person_token: [] }],
  person: [{ session: [] }, { person_token: [] }],
  admin: [{ session: [] }, { person_token: [] }],
  runtime: [{ runtime_key: [] }],
}

/**
 * The OpenAPI 3.1 document of the whole API. Pure: the same contract gives the same document.
 *
 * @param version of Countersign
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Countersign',
      version,
      summary: 'Git access authorized once, per runtime.',
      description:
        'The server answers pages and administrators, with a session; the vault answers runtimes, ' +
        'with their key. Failures are problem documents (RFC 9457); each type is explained in ' +
        '`docs/problems.md`. Lists come in pages: pass `next_cursor` as `cursor` until it is null.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [serverAt('page_url', 'http://localhost:7080', 'Address of the pages.')],
    tags: [
      { name: 'server', description: 'Pages and API. Cannot read tokens.' },
      { name: 'vault', description: 'Answers runtimes. The one role that can read tokens.' },
    ],
    paths: paths(),
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [name, schemaBody(schema)]),
      ),
      responses: Object.fromEntries(problemTypes.map((type) => [type, problemResponse([type])])),
      examples: Object.fromEntries(problemTypes.map((type) => [type, problemExample(type)])),
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'countersign.session_token',
          description:
            'Set by signing in. On HTTPS its name begins with `__Host-`, and where the address of the ' +
            'pages names a port it is in the name, too: `countersign-7080.session_token`.',
        },
        person_token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'csp_…',
          description: 'The token of a person on a command line, made by `countersign login`.',
        },
        runtime_key: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'csr_…',
          description: 'The key of a runtime, shown once when it is made.',
        },
      },
    },
  }
}

function paths(): Json {
  const found: Record<string, Json> = {}
  for (const [operationId, endpoint] of Object.entries<Endpoint>(endpoints)) {
    const path = found[endpoint.path] ?? {}
    path[endpoint.method.toLowerCase()] = operation(operationId, endpoint)
    found[endpoint.path] = path
  }
  return { ...found, ...streams }
}

/** The two routes whose answers are not JSON. */
const streams: Json = {
  [EVENTS_PATH]: {
    get: {
      operationId: 'streamEvents',
      tags: ['server'],
      summary: 'What has changed, as it changes; each event names what to read again',
      security: security.person,
      responses: {
        200: {
          description:
            'A stream without end. It begins with an event `alive`, which comes again after as many seconds as its data say.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
        ...problemResponses(['not-signed-in', 'internal-error', 'database-unavailable']),
      },
    },
  },
  '/api/v1/connections/{id}/avatar': {
    get: {
      operationId: 'getAvatar',
      tags: ['server'],
      summary: 'The picture of the account behind a token',
      security: security.person,
      parameters: [{ name: 'id', in: 'path', required: true, schema: schemaOf(Id) }],
      responses: {
        200: {
          description: 'PNG, JPEG, GIF or WebP.',
          content: { 'image/*': {} },
        },
        ...problemResponses([
          'not-signed-in',
          'not-found',
          'too-many-attempts',
          'internal-error',
          'database-unavailable',
        ]),
      },
    },
  },
}

function operation(operationId: string, endpoint: Endpoint): Json {
  const { role, summary, params, query, body, status, result, caller, method } = endpoint
  const parameters = [...parametersIn('path', params), ...parametersIn('query', query)]
  const types = [...commonProblems[caller], ...endpoint.problems, ...(body ? bodyProblems : [])]
  return {
    operationId,
    tags: [role],
    summary,
    ...(caller === 'admin' ? { description: 'For administrators.' } : {}),
    ...(role === 'vault'
      ? { servers: [serverAt('vault_url', 'http://127.0.0.1:7081', 'Address of the vault.')] }
      : {}),
    security: security[caller],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: json(body) } } : {}),
    responses: {
      [status]: {
        description: descriptions[status],
        ...(result === null ? {} : { content: json(result) }),
      },
      // Reading is not held against the site that a request comes from.
      ...problemResponses(
        types.filter((type) => method !== 'GET' || type !== 'origin-not-allowed'),
      ),
    },
  }
}

function parametersIn(place: 'path' | 'query', schema: TSchema | undefined): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, TSchema>
    required?: string[]
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: schemaOf(property),
  }))
}

/** One response per status; a problem that has its status to itself is referred to by name. */
function problemResponses(types: readonly ProblemType[]): Json {
  const byStatus = Map.groupBy(new Set(types), (type) => problems[type].status)
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      group.length === 1 ? { $ref: `#/components/responses/${group[0]}` } : problemResponse(group),
    ]),
  )
}

/** The response with which any of `types`, all of one status, is answered. */
function problemResponse(types: readonly ProblemType[]): Json {
  return {
    description: types.map((type) => `\`${type}\`: ${problems[type].title}.`).join('\n'),
    content: {
      'application/problem+json': {
        schema: schemaOf(Problem),
        examples: Object.fromEntries(
          types.map((type) => [type, { $ref: `#/components/examples/${type}` }]),
        ),
      },
    },
  }
}

function problemExample(type: ProblemType): Json {
  const { status, title } = problems[type]
  return { value: { type: problemUri(type), title, status, detail: 'What to do next.' } }
}

function serverAt(name: string, address: string, description: string): Json {
  return { url: `{${name}}`, variables: { [name]: { default: address, description } } }
}

function json(schema: TSchema): Json {
  return { 'application/json': { schema: schemaOf(schema) } }
}

/** A schema where it is used: by name where it has one. */
function schemaOf(schema: unknown): unknown {
  const name = names.get(schema)
  return name === undefined ? schemaBody(schema) : { $ref: `#/components/schemas/${name}` }
}

/** A schema written out, down to those with names. */
function schemaBody(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(schemaOf)
  if (typeof schema !== 'object' || schema === null) return schema
  const choices = literalChoices(schema)
  if (choices !== undefined) return { type: 'string', enum: choices }
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === 'properties' ? propertySchemas(value) : schemaOf(value),
    ]),
  )
}

function propertySchemas(properties: object): Json {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, schemaOf(property)]),
  )
}

/** The texts that a union of literals allows; undefined for every other schema. */
function literalChoices(schema: object): string[] | undefined {
  const { anyOf } = schema as { anyOf?: { const?: unknown }[] }
  const texts = anyOf?.flatMap((choice) => (typeof choice.const === 'string' ? choice.const : []))
  return texts !== undefined && texts.length === anyOf?.length ? texts : undefined
}
