import Type, { type Static } from 'typebox'
import { admin, byId, type Endpoint } from './endpoint.ts'
import { closed, Id, nullable, PageQuery, ProviderSummary, pageOf, Timestamp } from './resources.ts'

/** Tokens of a grant that nothing uses any more, of which their provider could not be told yet. */
export const Revocation = Type.Object(
  {
    id: Id,
    provider: ProviderSummary,
    /** The account, by its login. */
    account: Type.String(),
    /** Since when they are over here. */
    created_at: Timestamp,
    /** Why not yet: one sentence; null: it was not tried. */
    reason: nullable(Type.String()),
    /** When it was last tried. */
    tried_at: nullable(Timestamp),
    /**
     * Where the person ends the grant themselves; null: newer tokens of the same account and app are in
     * use, and would be ended with it.
     */
    grant_page: nullable(Type.String()),
  },
  closed,
)
export type Revocation = Static<typeof Revocation>

/** What is over here, and not yet at its Git host. */
export const revocationEndpoints = {
  listRevocations: {
    role: 'server',
    method: 'GET',
    path: '/api/v1/revocations',
    caller: 'person',
    summary: "This person's grants that could not be ended at their Git host yet, oldest first",
    query: PageQuery,
    status: 200,
    result: pageOf(Revocation),
    problems: [],
  },
  listRuntimeRevocations: {
    ...admin,
    method: 'GET',
    path: '/api/v1/runtimes/{id}/revocations',
    summary: "The same for a runtime's own tokens",
    params: byId,
    query: PageQuery,
    status: 200,
    result: pageOf(Revocation),
    problems: [],
  },
} as const satisfies Record<string, Endpoint>
