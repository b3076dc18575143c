import { useSyncExternalStore } from 'react'
import { type Problem, problemType } from '../../../src/contract/problems.ts'

/** The pages that ask the person to sign in again. */
const asking = new Set<() => void>()

/** What goes on once the person has; undefined: the session is not over. */
let waiting: (() => void)[] | undefined

/** Whether the session has ended under a page that stays as it is until its person is back. */
export function useSessionOver(): boolean {
  return useSyncExternalStore(listen, () => waiting !== undefined)
}

function listen(onChange: () => void): () => void {
  asking.add(onChange)
  return () => {
    asking.delete(onChange)
    // Whoever comes next has nothing to do with what was asked for here.
    if (asking.size === 0) waiting = undefined
  }
}

/** Waits for the person to sign in again. @returns false at once where no page can ask them to */
export async function signedInAgain(): Promise<boolean> {
  if (asking.size === 0) return false
  await new Promise<void>((resolve) => {
    waiting = [...(waiting ?? []), resolve]
    tell()
  })
  return true
}

/** Has everything go on that waits: the same person is signed in again. */
export function goOn(): void {
  const ready = waiting ?? []
  waiting = undefined
  tell()
  for (const resolve of ready) resolve()
}

function tell(): void {
  for (const onChange of asking) onChange()
}

/** Sends a request, and once more when its session was over by then and the person is back. */
export async function repeatSignedIn(send: () => Promise<Response>): Promise<Response> {
  const answer = await send()
  if (answer.status !== 401) return answer
  const read: Promise<Partial<Problem>> = answer.clone().json()
  const { type } = await read.catch(() => ({ type: undefined }))
  const isOver = problemType(type ?? '') === 'not-signed-in'
  return isOver && (await signedInAgain()) ? await repeatSignedIn(send) : answer
}
