import {
  type QueryClient,
  queryOptions,
  useQueryClient,
  useSuspenseQuery,
} from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { Person, Session } from '../../../src/contract/resources.ts'
import { api } from './api.ts'
import { forgetEarlyAnswers } from './early-answers.ts'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api.getSession({}, { signal }),
  staleTime: Number.POSITIVE_INFINITY,
})

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
  const router = useRouter()
  const { id } = usePerson()
  const [before] = useState(id)
  useEffect(() => {
    if (id !== '' && id !== before) location.reload()
  }, [id, before])
  useEffect(() => {
    async function look() {
      const asked = queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 })
      const session = await asked.catch(() => undefined)
      if (session?.person === null) await router.invalidate()
    }
    const onVisibility = () => void (document.hidden || look())
    if (lost) void look()
    document.addEventListener('visibilitychange', onVisibility)
    return () => document.removeEventListener('visibilitychange', onVisibility)
  }, [lost, queryClient, router])
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
