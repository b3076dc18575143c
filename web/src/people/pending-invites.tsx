import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Invite } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePagedList } from '../app/paging.ts'
import { sentenceFor } from '../app/problem.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { Message } from '../parts/message.tsx'
import { Section } from '../parts/section.tsx'
import { ShowMore } from '../parts/show-more.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import classes from './pending-invites.module.css'

/** Invitations that can still be used. Not there when there are none. */
export function PendingInvites() {
  const list = usePagedList<Invite>(['invites'], api.listInvites)
  const [withdrawing, setWithdrawing] = useState<Invite>()
  if (!list.items?.length && !list.error) return null
  return (
    <div className={classes.place}>
      <Section title="Pending invitations">
        {list.error && (
          <Message
            tone="bad"
            urgent
            action={
              <Button size="xs" onClick={list.retry}>
                Try again
              </Button>
            }
          >
            <p>The invitations could not be read. {sentenceFor(list.error)}</p>
          </Message>
        )}
        <ul className={classes.invites}>
          {list.items?.map((invite) => (
            <li key={invite.id} className={classes.invite}>
              <TwoLines
                first={inviteName(invite)}
                second={invite.role === 'admin' ? 'Administrator' : 'Member'}
              />
              <span className={classes.quiet}>
                {invite.created_by && `By ${invite.created_by}, `}
                <Time at={invite.created_at} />
              </span>
              <span className={classes.quiet}>
                Ends <Time at={invite.expires_at} />
              </span>
              <Button
                size="xs"
                variant="subtle"
                color="red"
                aria-label={`Withdraw invitation for ${inviteName(invite).toLowerCase()}`}
                onClick={() => setWithdrawing(invite)}
              >
                Withdraw
              </Button>
            </li>
          ))}
        </ul>
        <ShowMore list={list} />
      </Section>
      {withdrawing && <Withdraw invite={withdrawing} onClose={() => setWithdrawing(undefined)} />}
    </div>
  )
}

function Withdraw({ invite, onClose }: { invite: Invite; onClose: () => void }) {
  const queryClient = useQueryClient()
  return (
    <ConfirmDialog
      title="Withdraw this invitation?"
      confirm="Withdraw"
      onClose={onClose}
      focusAfter="invite-person"
      onConfirm={async () => {
        await api.deleteInvite({ params: { id: invite.id } })
        await queryClient.invalidateQueries({ queryKey: ['invites'] })
      }}
    >
      <p>The link for {inviteName(invite).toLowerCase()} stops working at once.</p>
    </ConfirmDialog>
  )
}

function inviteName({ email }: Invite): string {
  return email ?? 'Anyone with the link'
}
