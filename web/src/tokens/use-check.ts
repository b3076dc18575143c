import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { useLasting } from '../parts/use-lasting.ts'
import { ANSWER_WITHIN_MS } from './answer-within.ts'
import { useTokenOwner } from './token-owner.ts'

/** Asks for a check, and tells how it went once the row shows a newer answer, or that none came. */
export function useCheck(access: Access, connection: Connection) {
  const queryClient = useQueryClient()
  const owner = useTokenOwner()
  const { name: providerName } = access.provider
  const stamp = `${connection.checked_at} ${connection.check_failed?.at}`
  /** The answers that were known when the check was asked for. */
  const [asked, setAsked] = useState<string>()
  const request = useMutation({
    mutationFn: () => owner.check(access),
    onError: (error) => {
      setAsked(undefined)
      notify('bad', 'Not checked', sentenceFor(error))
    },
  })
  const answered = asked !== undefined && asked !== stamp && connection.status !== 'checking'
  useEffect(() => {
    if (!answered) return
    setAsked(undefined)
    tellOutcome(connection, providerName, owner.the)
  }, [answered, connection, providerName, owner])
  const overdue = useLasting(answered ? undefined : asked, ANSWER_WITHIN_MS)
  useEffect(() => {
    if (!overdue) return
    setAsked(undefined)
    void owner.refresh(queryClient)
    const kept = `${owner.the} token is kept as it was.`
    const about = `no-answer-${connection.id}`
    notify('warn', 'No answer came within a minute', `${kept} ${LATER}`, { stays: true, about })
  }, [overdue, owner, queryClient, connection.id])
  return {
    checking: asked !== undefined && !answered,
    check: () => {
      if (asked !== undefined) return
      setAsked(stamp)
      request.mutate()
    },
  }
}

const LATER =
  'The check is made as soon as Countersign can, and the list shows how it went. If this lasts, tell an administrator.'

function tellOutcome(connection: Connection, providerName: string, the: string): void {
  const { check_failed, status, reason, account } = connection
  if (check_failed) {
    const title = `${providerName} could not be asked`
    notify('warn', title, `${the} token is kept as it was. ${check_failed.reason}`)
  } else if (status === 'valid') {
    notify('good', 'Checked: valid', `${providerName} knows it as ${account.login}.`)
  } else {
    notify('warn', 'Checked', reason)
  }
}
