import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { ownPath, sessionQuery, useEnter } from '../app/session.ts'
import { Message } from '../parts/message.tsx'
import { Doorway } from './doorway.tsx'
import { SignInForm } from './sign-in-form.tsx'

const route = getRouteApi('/sign-in')

export function SignInPage() {
  const { to } = route.useSearch()
  const enter = useEnter()
  const session = useQuery({ ...sessionQuery, staleTime: 0 })
  return (
    <Doorway title="Sign in" lead="Git access authorized once, for each runtime.">
      {session.data?.setup_required && (
        <Message tone="info" title="This Countersign is not set up yet.">
          <p>
            Open the one-time link that the terminal printed when Countersign started: it makes you
            the administrator.
          </p>
        </Message>
      )}
      <SignInForm onSession={(session) => enter(session, ownPath(to))} />
    </Doorway>
  )
}
