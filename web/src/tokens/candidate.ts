import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccessDetail, Candidate } from '../../../src/contract/connections.ts'
import { isProblem } from '../app/problem.ts'
import { seal } from '../app/seal.ts'
import { useLasting } from '../parts/use-lasting.ts'
import { ANSWER_WITHIN_MS } from './answer-within.ts'
import { candidateQuery } from './candidate-query.ts'
import { type TokenOwner, useTokenOwner } from './token-owner.ts'

export interface PastedToken {
  token: string
  notes: string[]
  /** RFC 3339; for hosts that do not say when a token ends. */
  expires_at: string | undefined
}

/** Hands a token in and waits, by the event stream, for what the Git host says of it. */
export function useCandidate(access: AccessDetail) {
  const queryClient = useQueryClient()
  const owner = useTokenOwner()
  const [id, setId] = useState<string>()
  const sent = useMutation({
    mutationFn: (pasted: PastedToken) => handIn(owner, access, pasted),
    onSuccess: (candidate) => {
      queryClient.setQueryData(['candidate', candidate.id], candidate)
      setId(candidate.id)
    },
    onError: (error) => {
      // The vault has a new key: the next try seals to that.
      if (isProblem(error, 'vault-key-unknown')) void owner.refresh(queryClient)
    },
  })
  const read = useQuery(candidateQuery(id))
  // It is given up when what it is for is deleted.
  const gone = isProblem(read.error, 'not-found')
  const candidate = id && !gone ? read.data : undefined
  const checking = candidate?.status === 'checking'
  const overdue = useLasting(checking ? id : undefined, ANSWER_WITHIN_MS)
  return {
    candidate,
    error: sent.error ?? (candidate ? null : read.error),
    waiting: sent.isPending || (checking && !overdue),
    /** Nobody has answered in time; it may still come. */
    overdue,
    send: (pasted: PastedToken) => {
      setId(undefined)
      sent.mutate(pasted)
    },
    /** Puts the outcome away, once the person goes on typing. */
    forget: () => {
      setId(undefined)
      sent.reset()
    },
  }
}

/** Seals the token here: what leaves this browser, only the vault can open. */
async function handIn(
  owner: TokenOwner,
  access: AccessDetail,
  pasted: PastedToken,
): Promise<Candidate> {
  const id = crypto.randomUUID()
  const box = await seal(
    access.vault_key,
    {
      purpose: 'candidate',
      row_id: id,
      owner_id: access.owner_id,
      provider_id: access.provider.id,
    },
    pasted.token,
  )
  return owner.handIn({
    body: {
      id,
      runtime_id: access.runtime.id,
      provider_id: access.provider.id,
      box,
      notes: pasted.notes,
      ...(pasted.expires_at && { expires_at: pasted.expires_at }),
    },
  })
}
