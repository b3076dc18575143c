import Type from 'typebox'
import type { Endpoint } from './endpoint.ts'
import { inputs } from './inputs.ts'
import { closed, Invite, Session } from './resources.ts'

/** Signing in and joining. */
export const sessionEndpoints = {
  getSession: {
    role: 'server',
    method: 'GET',
    path: '/api/v1/session',
    caller: 'anyone',
    summary: 'Who is signed in',
    status: 200,
    result: Session,
    problems: [],
  },
  signIn: {
    role: 'server',
    method: 'POST',
    path: '/api/v1/session',
    caller: 'anyone',
    summary: 'Sign in with e-mail and password',
    body: inputs.signIn,
    status: 200,
    result: Session,
    problems: ['sign-in-failed', 'too-many-attempts'],
  },
  signOut: {
    role: 'server',
    method: 'DELETE',
    path: '/api/v1/session',
    caller: 'anyone',
    summary: 'Sign out',
    status: 204,
    result: null,
    problems: [],
  },
  readInvite: {
    role: 'server',
    method: 'POST',
    path: '/api/v1/invites/read',
    caller: 'anyone',
    summary: 'What an invitation link offers',
    body: Type.Object({ token: Type.String({ maxLength: 100 }) }, closed),
    status: 200,
    result: Invite,
    problems: ['invite-invalid'],
  },
  acceptInvite: {
    role: 'server',
    method: 'POST',
    path: '/api/v1/invites/accept',
    caller: 'anyone',
    summary: 'Become a person of this installation, and sign in',
    body: inputs.acceptInvite,
    status: 201,
    result: Session,
    problems: ['invite-invalid', 'email-taken', 'password-too-weak'],
  },
} as const satisfies Record<string, Endpoint>
