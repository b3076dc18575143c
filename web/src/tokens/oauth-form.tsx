import { Button } from '@mantine/core'
import { IconExternalLink } from '@tabler/icons-react'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { canSeal } from '../app/seal.ts'
import { Message } from '../parts/message.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { CannotSeal } from '../parts/seal-note.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { useBegin } from './begin-authorization.ts'
import { OtherWay } from './other-way.tsx'
import { useTokenOwner } from './token-owner.ts'
import { WhatItMayDo } from './what-it-may-do.tsx'

/** Shows what the runtime may do, and sends the person to the Git host to say yes. */
export function OAuthForm({
  access,
  again,
  onClose,
  onPaste,
}: {
  access: AccessDetail
  /** It was tried before and did not work. */
  again: boolean
  onClose: () => void
  /** To a token instead, where that is allowed and not offered already. */
  onPaste: (() => void) | undefined
}) {
  const { provider } = access
  const { busy, error, start } = useBegin(access)
  const owner = useTokenOwner()
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        start()
      }}
    >
      <PanelContent>
        {!canSeal() && <CannotSeal what="the authorization" />}
        <WhatItMayDo access={access} scopes={access.requested_scopes.map(({ scope }) => scope)} />
        {onPaste && <OtherWay onGo={onPaste}>Or paste a token instead</OtherWay>}
        {error && (
          <Message tone="bad" urgent>
            <p>{sentenceFor(error)} Nothing was changed.</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter
        note={
          <p role="status">{busy ? `Going to ${provider.name}…` : owner.signIn(provider.name)}</p>
        }
      >
        <SubmitButton
          pending={busy}
          disabled={!canSeal()}
          rightSection={<IconExternalLink size={16} aria-hidden />}
        >
          {again ? 'Try again' : `Authorize access to ${provider.name}`}
        </SubmitButton>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}
