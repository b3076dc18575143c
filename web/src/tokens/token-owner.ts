import type { QueryClient } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { refreshAccess } from './access.ts'

/** Whose tokens the lists and panels below are about: what they call, and how they say it. */
export interface TokenOwner {
  handIn: typeof api.createCandidate
  begin: typeof api.beginAuthorization
  check: (access: Access) => Promise<Connection>
  /** Resolves once every list and panel shows the change. */
  refresh: (queryClient: QueryClient) => Promise<void>
  /** As whom a runtime then acts. */
  as: 'as you' | 'as itself'
  /** What a row's buttons are about, for who hears their names only: "of ci at GitHub". */
  of: (access: Access) => string
  /** What the token is to the reader. */
  the: 'Your' | 'The'
  /** Who signs in at the Git host. */
  signIn: (host: string) => string
  /** Added to where a token is made. */
  makeHint: string
  /** What is asked when another account authorized than before. */
  otherAccount: (after: string) => string
  /** Why a row has no token. */
  none: { word: string; reason: string }
}

export const person: TokenOwner = {
  handIn: api.createCandidate,
  begin: api.beginAuthorization,
  check: async ({ authorization }) =>
    await api.checkConnection({ params: { id: authorization?.connection.id ?? '' } }),
  refresh: refreshAccess,
  as: 'as you',
  of: ({ runtime, provider }) => `of ${runtime.name} at ${provider.name}`,
  the: 'Your',
  signIn: (host) => `You sign in at ${host}, allow it there, and come back here.`,
  makeHint: '',
  otherAccount: (after) => `Use ${after} for all runtimes that use this authorization?`,
  none: { word: 'Not authorized', reason: 'This runtime waits for your token.' },
}

/** Without a provider above, tokens are those of the person who looks. */
export const TokenOwnerContext = createContext(person)

export function useTokenOwner(): TokenOwner {
  return useContext(TokenOwnerContext)
}
