import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useLocation } from '@tanstack/react-router'
import { api } from '../app/api.ts'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { sessionQuery } from '../app/session.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { AcceptForm } from './accept-form.tsx'
import { Doorway } from './doorway.tsx'

/** The invitation's secret stands after the `#`, which a browser never sends. */
export function InvitePage() {
  const token = useLocation({ select: ({ hash }) => hash })
  const session = useQuery(sessionQuery)
  const invite = useQuery({
    queryKey: ['invite', token],
    queryFn: ({ signal }) => api.readInvite({ body: { token } }, { signal }),
    enabled: token !== '',
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (token === '' || invite.isError) {
    return (
      <Doorway title="This invitation cannot be opened">
        <Message tone="bad" urgent>
          <p>
            {invite.isError
              ? sentenceFor(invite.error)
              : 'The link is not complete: the part after # is missing. Copy the whole link.'}
          </p>
        </Message>
        {invite.isError && !isProblem(invite.error, 'invite-invalid') && (
          <Button onClick={() => invite.refetch()}>Try again</Button>
        )}
        <LinkButton to="/sign-in" variant="default">
          Go to sign-in
        </LinkButton>
      </Doorway>
    )
  }
  if (!invite.data || !session.data) {
    return (
      <Doorway title="Invitation">
        <SkeletonLine lines={4} />
      </Doorway>
    )
  }
  const first = session.data.setup_required
  return (
    <Doorway
      title={first ? 'Set up Countersign' : 'You are invited'}
      lead={
        first ? 'You become its administrator.' : welcome(invite.data.role, invite.data.created_by)
      }
    >
      {session.data.person && (
        <Message tone="info">
          <p>
            You are signed in as {session.data.person.email}. Accepting signs you in as the new
            person instead.
          </p>
        </Message>
      )}
      <AcceptForm token={token} email={invite.data.email} first={first} />
    </Doorway>
  )
}

function welcome(role: 'admin' | 'member', by: string | null): string {
  const as = role === 'admin' ? 'an administrator' : 'a member'
  return by ? `${by} invited you to join as ${as}.` : `You can join as ${as}.`
}
