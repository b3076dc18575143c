import { EARLY_ADDRESSES, EARLY_ANSWERS } from '../../../src/contract/early-answers.ts'

/** What will be answered at the end of the page; each answer is used once. */
const awaited = new Set(addressesInPage())

/** For so long the end of the page is waited for: the server needs half of it, but it may get lost. */
const END_WAIT_MS = 2000

/** The page is started before its end has come. */
const ended = new Promise((resolve) => {
  if (document.readyState !== 'loading') resolve(undefined)
  document.addEventListener('DOMContentLoaded', resolve)
  setTimeout(resolve, END_WAIT_MS)
})

/** Sends a request, unless its answer comes with the page. */
export async function fetchOrTake(url: string, init: RequestInit): Promise<Response> {
  if (!awaited.delete(url)) return await fetch(url, init)
  const answer = (await answersInPage())[url]
  return answer === undefined ? await fetch(url, init) : Response.json(answer)
}

/** From here on everything is asked for: what came with the page may be old, or somebody else's. */
export function forgetEarlyAnswers(): void {
  awaited.clear()
}

function addressesInPage(): string[] {
  const meta = document.querySelector<HTMLMetaElement>(`meta[name="${EARLY_ADDRESSES}"]`)
  return parsed<string[]>(meta?.content) ?? []
}

async function answersInPage(): Promise<Record<string, unknown>> {
  await ended
  return parsed<Record<string, unknown>>(document.getElementById(EARLY_ANSWERS)?.textContent) ?? {}
}

function parsed<T>(text: string | null | undefined): T | undefined {
  try {
    return JSON.parse(text ?? '') as T
  } catch {
    // Vite's own server leaves the place for it as it is, and an end may not come.
    return undefined
  }
}
