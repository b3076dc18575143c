import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type {
  AccessDetail,
  AuthorizationRequest,
  Candidate,
} from '../../../src/contract/connections.ts'
import { notify } from '../parts/notify.tsx'
import { useTokenOwner } from './token-owner.ts'

/** Fills the row, tells the person and closes, once a token was accepted. */
export function useAccepted(
  access: AccessDetail,
  candidate: Candidate | undefined,
  onClose: () => void,
): boolean {
  const accepted = candidate?.status === 'accepted'
  const said = `${access.runtime.name} now uses it at ${access.provider.name}.`
  const title = access.authorization ? 'Token updated' : 'Token added'
  const told = [said, ...(candidate?.notes ?? [])].join(' ')
  useFinish(accepted, () => notify('good', title, told), onClose)
  return accepted
}

/** The same, for an authorization at the Git host. Back may lead to its end again: it is told once. */
export function useCompleted(
  { runtime, provider }: AccessDetail,
  request: AuthorizationRequest,
  onClose: () => void,
): void {
  const { as } = useTokenOwner()
  const said = `${runtime.name} now acts at ${provider.name} ${as}.`
  function tell() {
    if (!wasTold(request.id)) notify('good', 'Authorized', said)
  }
  useFinish(request.status === 'completed', tell, onClose)
}

function useFinish(done: boolean, tell: () => void, onClose: () => void): void {
  const queryClient = useQueryClient()
  const owner = useTokenOwner()
  const finish = useRef(async (_gone: AbortSignal) => {})
  finish.current = async (gone) => {
    await owner.refresh(queryClient)
    tell()
    // Who has gone on to another page is not led away from it.
    if (!gone.aborted) onClose()
  }
  useEffect(() => {
    if (!done) return
    const gone = new AbortController()
    void finish.current(gone.signal)
    return () => gone.abort()
  }, [done])
}

/** Whether the end of an authorization was told in this tab before; from now on it was. */
function wasTold(id: string): boolean {
  const key = `told-${id}`
  try {
    const told = sessionStorage.getItem(key) !== null
    sessionStorage.setItem(key, 'yes')
    return told
  } catch {
    // Without a place to note it, it is told once more.
    return false
  }
}
