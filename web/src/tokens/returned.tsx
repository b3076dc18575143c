import { Button } from '@mantine/core'
import type { AccessDetail, AuthorizationRequest } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { useLasting } from '../parts/use-lasting.ts'
import { nameList } from './access.ts'
import { AccessSummary } from './access-summary.tsx'
import { useConfirmAccount, useGiveUp } from './authorization-request.ts'
import { useLeaveBehind } from './left-behind.tsx'
import classes from './returned.module.css'
import { useTokenOwner } from './token-owner.ts'
import { useCompleted } from './use-accepted.ts'

const SLOW_MS = 15_000

interface Return {
  access: AccessDetail
  /** From which the person has come back. */
  request: AuthorizationRequest
  onClose: () => void
}

/** Ends an authorization, with or without a panel for it. */
export function Finish({ access, request, onClose }: Return) {
  useCompleted(access, request, onClose)
  useLeaveBehind(access, request.status === 'exchanging' ? { request: request.id } : undefined)
  return null
}

/** What is being finished, or the question about another account than before. */
export function Returned({ access, request, onClose }: Return) {
  if (request.status === 'account_changed') {
    return <OtherAccount access={access} request={request} onClose={onClose} />
  }
  return <Finishing access={access} onClose={onClose} />
}

function Finishing({ access, onClose }: { access: AccessDetail; onClose: () => void }) {
  const slow = useLasting('finishing', SLOW_MS)
  return (
    <>
      <PanelContent>
        <AccessSummary access={access} />
        <p role="status" className={classes.finishing}>
          {slow
            ? 'This takes longer than usual. It goes on by itself: you may close this panel, and the list shows how it went.'
            : 'Finishing…'}
        </p>
      </PanelContent>
      <PanelFooter>
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
      </PanelFooter>
    </>
  )
}

function OtherAccount({ access, request, onClose }: Return) {
  const { account_before: before, account_after: after } = request
  const confirm = useConfirmAccount(request)
  const giveUp = useGiveUp(request, onClose)
  const busy = confirm.isPending || giveUp.isPending
  const error = confirm.error ?? giveUp.error
  const { otherAccount } = useTokenOwner()
  const runtimes = access.authorization?.connection.runtimes ?? []
  return (
    <>
      <PanelContent>
        <AccessSummary access={access} />
        <Message
          tone="warn"
          urgent
          title={`You authorized as ${after}; until now it was ${before}.`}
        >
          <p>
            {otherAccount(after ?? '')}
            {runtimes.length > 0 && ` ${nameList(runtimes)} would then act as ${after}.`}
          </p>
          <p>Nothing changes until you confirm.</p>
        </Message>
        {error && (
          <Message tone="bad" urgent>
            <p>{sentenceFor(error)}</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter>
        <SubmitButton
          type="button"
          pending={confirm.isPending}
          onClick={() => {
            if (!busy) confirm.mutate()
          }}
        >
          Use {after}
        </SubmitButton>
        <SubmitButton
          type="button"
          variant="default"
          pending={giveUp.isPending}
          onClick={() => {
            if (!busy) giveUp.mutate()
          }}
        >
          Keep {before}
        </SubmitButton>
      </PanelFooter>
    </>
  )
}
