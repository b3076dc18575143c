import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { useLasting } from '../parts/use-lasting.ts'
import { ANSWER_WITHIN_MS } from './answer-within.ts'
import { useTokenOwner } from './token-owner.ts'

/**
 * Asks for a check, and tells how it went once the row shows an answer that is newer than the
 * question, or that none came.
 */
export function useCheck(access: Access, connection: Connection) {
  const queryClient = useQueryClient()
  const owner = useTokenOwner()
  const { name: providerName } = access.provider
  /** When the last answer had come as the server took the question; the row may not show that yet. */
  const [before, setBefore] = useState<number>()
  const request = useMutation({
    mutationFn: () => owner.check(access),
    onError: (error) => notify('bad', 'Not checked', sentenceFor(error)),
  })
  const answered =
    before !== undefined && lastAnswer(connection) > before && connection.status !== 'checking'
  const checking = request.isPending || (before !== undefined && !answered)
  useEffect(() => {
    if (!answered) return
    setBefore(undefined)
    tellOutcome(connection, providerName, owner.the)
  }, [answered, connection, providerName, owner])
  const overdue = useLasting(checking ? connection.id : undefined, ANSWER_WITHIN_MS)
  const { reset } = request
  useEffect(() => {
    if (!overdue) return
    setBefore(undefined)
    reset()
    void owner.refresh(queryClient)
    const kept = `${owner.the} token is kept as it was.`
    const about = `no-answer-${connection.id}`
    notify('warn', 'No answer came within a minute', `${kept} ${LATER}`, { stays: true, about })
  }, [overdue, owner, queryClient, connection.id, reset])
  return {
    checking,
    check: () => {
      if (checking) return
      request.mutate(undefined, { onSuccess: (taken) => setBefore(lastAnswer(taken)) })
    },
  }
}

/** In milliseconds since 1970. */
function lastAnswer({ checked_at, check_failed }: Connection): number {
  return Math.max(...[checked_at, check_failed?.at].map((at) => (at ? Date.parse(at) : 0)))
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
