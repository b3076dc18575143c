import Type, { type TSchema } from 'typebox'
import type { ProblemType } from './problems.ts'
import { closed, Id } from './resources.ts'

/** Who may call: anyone, a signed-in person, an administrator, or a runtime with its key. */
export type Caller = 'anyone' | 'person' | 'admin' | 'runtime'

export interface Endpoint {
  /** Which role answers. */
  role: 'server' | 'vault'
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Parameters in braces, as in OpenAPI. */
  path: string
  caller: Caller
  summary: string
  params?: TSchema
  query?: TSchema
  body?: TSchema
  /** The success status and its body; null: no body. */
  status: 200 | 201 | 202 | 204
  result: TSchema | null
  /** Beyond those that every endpoint of its caller can answer. */
  problems: readonly ProblemType[]
}

/** What all that administrators call has in common. */
export const admin = { role: 'server', caller: 'admin' } as const

/** Path parameters that many endpoints share. */
export const byId = Type.Object({ id: Id }, closed)
export const byRow = Type.Object({ runtime_id: Id, provider_id: Id }, closed)
