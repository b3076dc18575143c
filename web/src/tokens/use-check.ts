import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Connection } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'

/** Asks for a check, and tells how it went once the row shows a newer answer. */
export function useCheck(connection: Connection, providerName: string) {
  const stamp = `${connection.checked_at} ${connection.check_failed?.at}`
  /** The answers that were known when the check was asked for. */
  const [asked, setAsked] = useState<string>()
  const request = useMutation({
    mutationFn: () => api.checkConnection({ params: { id: connection.id } }),
    onError: (error) => {
      setAsked(undefined)
      notify('bad', 'Not checked', sentenceFor(error))
    },
  })
  const answered = asked !== undefined && asked !== stamp && connection.status !== 'checking'
  useEffect(() => {
    if (!answered) return
    setAsked(undefined)
    tellOutcome(connection, providerName)
  }, [answered, connection, providerName])
  return {
    checking: asked !== undefined && !answered,
    check: () => {
      if (asked !== undefined) return
      setAsked(stamp)
      request.mutate()
    },
  }
}

function tellOutcome(connection: Connection, providerName: string): void {
  const { check_failed, status, reason, account } = connection
  if (check_failed) {
    const title = `${providerName} could not be asked`
    notify('warn', title, `${check_failed.reason} Your token is kept as it was.`)
  } else if (status === 'valid') {
    notify('good', 'Checked: valid', `${providerName} knows it as ${account.login}.`)
  } else {
    notify('warn', 'Checked', reason)
  }
}
