import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import { ProblemError } from '../../../src/contract/problems.ts'
import { isProblem } from '../app/problem.ts'
import { seal } from '../app/seal.ts'
import { type TokenOwner, useTokenOwner } from './token-owner.ts'

/** By then the browser is at the Git host; if it is not, somebody stopped it. */
const STOPPED_AFTER_MS = 10_000

/** Begins to authorize and sends the browser to the Git host; once, however often it is pressed. */
export function useBegin(access: AccessDetail): {
  busy: boolean
  error: Error | null
  start: () => void
} {
  const queryClient = useQueryClient()
  const owner = useTokenOwner()
  const [leaving, setLeaving] = useState(false)
  const takePrepared = usePrepared(access)
  const begin = useMutation({
    mutationFn: async () => await beginAuthorization(owner, access, await takePrepared()),
    onSuccess: ({ authorization_url }) => {
      setLeaving(true)
      location.assign(authorization_url)
    },
    onError: (error) => {
      // The vault has a new key, or the app is gone: the next try goes by what is there now.
      const stale =
        isProblem(error, 'vault-key-unknown') ||
        isProblem(error, 'client-not-registered') ||
        isProblem(error, 'oauth-not-offered')
      if (stale) void owner.refresh(queryClient)
    },
  })
  useStillHere(leaving, setLeaving)
  const busy = begin.isPending || leaving
  function start(): void {
    if (!busy) begin.mutate()
  }
  return { busy, error: begin.error, start }
}

/** The page may stay after all: the way was stopped, or Back brought it back as it was. */
function useStillHere(leaving: boolean, setLeaving: (leaving: boolean) => void): void {
  useEffect(() => {
    if (!leaving) return
    const stay = () => setLeaving(false)
    const timer = setTimeout(stay, STOPPED_AFTER_MS)
    const onShow = (event: PageTransitionEvent) => event.persisted && stay()
    window.addEventListener('pageshow', onShow)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('pageshow', onShow)
    }
  }, [leaving, setLeaving])
}

type Prepared = Parameters<TokenOwner['begin']>[0]['body']

/**
 * Has what begins an authorization made and sealed before it is wanted, so that a press of the button
 * need not wait for it.
 *
 * @returns takes it; each is used once
 */
function usePrepared(access: AccessDetail): () => Promise<Prepared> {
  const ready = useRef<{ key_id: string; body: Promise<Prepared | undefined> }>(undefined)
  const newest = useRef(access)
  newest.current = access
  useEffect(() => {
    // What goes wrong here is tried again, and told, when it is wanted.
    const body = prepare(newest.current).catch(() => undefined)
    ready.current = { key_id: newest.current.vault_key.key_id, body }
  }, [])
  return async () => {
    const taken = ready.current
    ready.current = undefined
    const body = await taken?.body
    const { key_id } = newest.current.vault_key
    return body && taken?.key_id === key_id ? body : await prepare(newest.current)
  }
}

/**
 * Makes `state` and the verifier, which is sealed before it leaves.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7636#section-4
 */
async function prepare({
  runtime,
  provider,
  owner_id,
  vault_key,
}: AccessDetail): Promise<Prepared> {
  const id = crypto.randomUUID()
  const code_verifier = randomText()
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code_verifier))
  const address = {
    purpose: 'code_verifier',
    row_id: id,
    owner_id,
    provider_id: provider.id,
  } as const
  return {
    id,
    runtime_id: runtime.id,
    provider_id: provider.id,
    state: randomText(),
    code_challenge: base64Url(new Uint8Array(digest)),
    code_verifier_box: await seal(vault_key, address, code_verifier),
  }
}

/** Asks where to go. */
async function beginAuthorization(owner: TokenOwner, { provider }: AccessDetail, body: Prepared) {
  const begun = await owner.begin({ body })
  const { protocol } = new URL(begun.authorization_url)
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new ProblemError(
      'authorization-failed',
      `The address of ${provider.name} is no web page. Ask an administrator to check the Git host.`,
    )
  }
  return begun
}

/** 256 random bits, as 43 characters. */
function randomText(): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(32)))
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
