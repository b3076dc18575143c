import type { Actor } from '../policy/decide.ts'

/** A request of a signed-in person, and the address it came from. */
export interface PersonRequest {
  person: Extract<Actor, { kind: 'person' }>
  ip: string | null
}
