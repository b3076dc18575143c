import Type from 'typebox'
import { admin, byId, type Endpoint } from './endpoint.ts'
import { inputs } from './inputs.ts'
import { AuditEntry, closed, Invite, PageQuery, Person, pageOf, Role } from './resources.ts'

/** People, invitations, and what happened. For administrators. */
export const peopleEndpoints = {
  listPeople: {
    ...admin,
    method: 'GET',
    path: '/api/v1/people',
    summary: 'People of this installation',
    query: PageQuery,
    status: 200,
    result: pageOf(Person),
    problems: [],
  },
  updatePerson: {
    ...admin,
    method: 'PATCH',
    path: '/api/v1/people/{id}',
    summary: 'Change a role',
    params: byId,
    body: Type.Object({ role: Role }, closed),
    status: 200,
    result: Person,
    problems: ['not-found', 'last-administrator'],
  },
  deletePerson: {
    ...admin,
    method: 'DELETE',
    path: '/api/v1/people/{id}',
    summary: 'Remove a person, their tokens and authorizations',
    params: byId,
    status: 204,
    result: null,
    problems: ['not-found', 'last-administrator'],
  },
  listInvites: {
    ...admin,
    method: 'GET',
    path: '/api/v1/invites',
    summary: 'Invitations that can still be used',
    query: PageQuery,
    status: 200,
    result: pageOf(Invite),
    problems: [],
  },
  createInvite: {
    ...admin,
    method: 'POST',
    path: '/api/v1/invites',
    summary: 'Invite somebody by a link that works once; it is in the answer and never again',
    body: inputs.createInvite,
    status: 201,
    result: Type.Object({ invite: Invite, url: Type.String() }, closed),
    problems: ['email-taken'],
  },
  deleteInvite: {
    ...admin,
    method: 'DELETE',
    path: '/api/v1/invites/{id}',
    summary: 'Withdraw an invitation',
    params: byId,
    status: 204,
    result: null,
    problems: ['not-found'],
  },
  listAudit: {
    ...admin,
    method: 'GET',
    path: '/api/v1/audit',
    summary: 'What happened, newest first',
    query: PageQuery,
    status: 200,
    result: pageOf(AuditEntry),
    problems: [],
  },
} as const satisfies Record<string, Endpoint>
