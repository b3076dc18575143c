import {
  type QueryClient,
  type QueryFunctionContext,
  queryOptions,
  useQueryClient,
  useSuspenseQuery,
} from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useCallback, useEffect } from 'react'
import type { Person, Session } from '../../../src/contract/resources.ts'
import { api } from './api.ts'
import { forgetEarlyAnswers } from './early-answers.ts'
import { goOn, signedInAgain } from './session-over.ts'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: readSession,
  staleTime: Number.POSITIVE_INFINITY,
})

/** Who is looking; once somebody was, it is them or nobody, and nobody is waited out. */
async function readSession(context: QueryFunctionContext): Promise<Session> {
  const { client, signal } = context
  const before = client.getQueryData<Session>(['session'])?.person
  const session = await api.getSession({}, { signal })
  if (!before || session.person?.id === before.id) return session
  if (session.person) return await beginAnew()
  return (await signedInAgain()) ? await readSession(context) : session
}

/** Leaves nothing of what was there to whoever is signed in now. */
function beginAnew(): Promise<never> {
  location.reload()
  return new Promise(() => {})
}

/** Takes who is looking from the page, where the server has written it; else has it asked. */
export function readSessionAhead(queryClient: QueryClient): void {
  const session = sessionInPage()
  if (session) queryClient.setQueryData(sessionQuery.queryKey, session)
  else void queryClient.prefetchQuery(sessionQuery)
}

function sessionInPage(): Session | null {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="session"]')
  try {
    return JSON.parse(meta?.content ?? 'null') as Session | null
  } catch {
    // Vite's own server leaves the place for it as it is.
    return null
  }
}

/** Who is looking. Only on pages behind the sign-in, where there always is somebody. */
export function usePerson(): Person {
  const { data } = useSuspenseQuery(sessionQuery)
  return data.person ?? nobody
}

/**
 * Asks again who is signed in when the page comes back into sight, or hears nothing any more: in
 * another tab somebody may have signed out, or somebody else in. Neither is shown what was there.
 *
 * @param lost whether changes are no longer heard of
 */
export function useFollowSession(lost: boolean): void {
  const queryClient = useQueryClient()
  const look = useCallback(() => {
    void queryClient.prefetchQuery({ ...sessionQuery, staleTime: 0 })
  }, [queryClient])
  useEffect(() => {
    if (lost) look()
  }, [lost, look])
  useInSight(look)
}

/** Calls back whenever the page comes back into sight. */
export function useInSight(onSight: () => void): void {
  useEffect(() => {
    const onVisibility = () => document.hidden || onSight()
    document.addEventListener('visibilitychange', onVisibility)
    return () => document.removeEventListener('visibilitychange', onVisibility)
  }, [onSight])
}

/** Goes on where the last session ended, if it is the same person's; anybody else begins anew. */
export function useGoOn(): (session: Session) => void {
  const queryClient = useQueryClient()
  const { id } = usePerson()
  return (session) => {
    if (!session.person) return
    if (session.person.id !== id) return void beginAnew()
    queryClient.setQueryData(sessionQuery.queryKey, session)
    goOn()
  }
}

/** Stands in for the moment between signing out and the sign-in page. */
const nobody: Person = { id: '', name: '', email: '', role: 'member', created_at: '' }

/** Takes over a session that was just made, and goes on to a page of ours. */
export function useEnter(): (session: Session, to: string) => void {
  const queryClient = useQueryClient()
  const router = useRouter()
  return (session, to) => {
    queryClient.clear()
    forgetEarlyAnswers()
    queryClient.setQueryData(sessionQuery.queryKey, session)
    router.history.replace(to)
  }
}

/** `to` if it is a path of this site, else the first page. */
export function ownPath(to: string | undefined): string {
  if (!to?.startsWith('/')) return '/tokens'
  const url = URL.parse(to, location.origin)
  // What is left of `/.//host` begins with two slashes, and that is another site.
  if (url?.origin !== location.origin || url.pathname.startsWith('//')) return '/tokens'
  return url.pathname + url.search + url.hash
}
