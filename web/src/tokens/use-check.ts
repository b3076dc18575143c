import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { useTokenOwner } from './token-owner.ts'

/** Asks for a check, and tells how it went once the row shows a newer answer. */
export function useCheck(access: Access, connection: Connection) {
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
  return {
    checking: asked !== undefined && !answered,
    check: () => {
      if (asked !== undefined) return
      setAsked(stamp)
      request.mutate()
    },
  }
}

function tellOutcome(connection: Connection, providerName: string, the: string): void {
  const { check_failed, status, reason, account } = connection
  if (check_failed) {
    const title = `${providerName} could not be asked`
    notify('warn', title, `${check_failed.reason} ${the} token is kept as it was.`)
  } else if (status === 'valid') {
    notify('good', 'Checked: valid', `${providerName} knows it as ${account.login}.`)
  } else {
    notify('warn', 'Checked', reason)
  }
}
