import { Button } from '@mantine/core'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import { problems } from '../../../src/contract/problems.ts'
import { tidyToken, tokenFault } from '../../../src/contract/token-format.ts'
import { canSeal } from '../app/seal.ts'
import { focusFault } from '../parts/focus-fault.ts'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { CannotSeal, SealNote } from '../parts/seal-note.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { useCandidate } from './candidate.ts'
import { CandidateFault, Progress } from './candidate-outcome.tsx'
import { EndField, endFault, endOf } from './end-field.tsx'
import { useLeaveBehind } from './left-behind.tsx'
import { OtherWay } from './other-way.tsx'
import classes from './paste-form.module.css'
import { TokenField } from './token-field.tsx'
import { TokenHowTo } from './token-how-to.tsx'
import { useAccepted } from './use-accepted.ts'

/** Takes a token, seals it and waits for the Git host's word on it. */
export function PasteForm({
  access,
  onClose,
  onAuthorize,
}: {
  access: AccessDetail
  onClose: () => void
  /** To authorizing at the Git host instead, where that is possible and not offered already. */
  onAuthorize: (() => void) | undefined
}) {
  const [token, setToken] = useState('')
  const [notes, setNotes] = useState<string[]>([])
  const [endsOn, setEndsOn] = useState('')
  const [fault, setFault] = useState<string>()
  const [wrongEnd, setWrongEnd] = useState<string>()
  const endField = useRef<HTMLInputElement>(null)
  const { candidate, error, waiting, overdue, send, forget } = useCandidate(access)
  useLeaveBehind(access, candidate?.status === 'checking' ? { candidate: candidate.id } : undefined)
  const accepted = useAccepted(access, candidate, onClose)
  useEffect(() => {
    if (accepted) setToken('')
  }, [accepted])

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    if (waiting || accepted) return
    const tidy = tidyToken(token)
    const found = tokenFault(tidy.token, access.provider)
    const foundEnd = endFault(endField.current)
    setFault(found && `${problems[found.type].title}. ${found.detail}`)
    setWrongEnd(foundEnd)
    if (found || foundEnd) {
      focusFault(event.currentTarget)
      return
    }
    send({
      token: tidy.token,
      notes: [...new Set([...notes, ...tidy.notes])],
      expires_at: endsOn ? endOf(endsOn).toISOString() : undefined,
    })
  }

  function change(typed: string, found: string[]) {
    setToken(typed)
    setNotes(found)
    setFault(undefined)
    forget()
  }

  function changeEnd(day: string) {
    setEndsOn(day)
    setWrongEnd(undefined)
  }

  const again = overdue || candidate?.status === 'not_checked'
  const failed = error !== null || again || candidate?.status === 'refused'
  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <PanelContent>
        {onAuthorize && (
          <OtherWay onGo={onAuthorize}>{`Or authorize access to ${access.provider.name}`}</OtherWay>
        )}
        {!canSeal() && <CannotSeal what="a token" />}
        <TokenHowTo access={access} />
        <div className={classes.fields}>
          <TokenField
            token={token}
            notes={notes}
            busy={waiting || accepted}
            fault={
              fault ??
              (failed ? <CandidateFault {...{ access, candidate, error, overdue }} /> : undefined)
            }
            onChange={change}
          />
          <EndField ref={endField} day={endsOn} fault={wrongEnd} onChange={changeEnd} />
        </div>
      </PanelContent>
      <PanelFooter note={waiting ? <Progress name={access.provider.name} /> : <SealNote />}>
        <SubmitButton pending={waiting || accepted} disabled={!canSeal()}>
          {again ? 'Try again' : access.authorization ? 'Update Token' : 'Add Token'}
        </SubmitButton>
        <Button variant="default" onClick={onClose}>
          {waiting ? 'Close' : 'Cancel'}
        </Button>
      </PanelFooter>
    </form>
  )
}
