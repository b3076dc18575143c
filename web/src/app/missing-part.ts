import { lazyRouteComponent } from '@tanstack/react-router'

/** Code of the pages that did not come: the server is away, or has a newer version by now. */
export class MissingPart extends Error {}

/** A page, or a panel, that is loaded when somebody goes there or is about to. @throws MissingPart */
export function lazyPart<Part extends Record<string, unknown>, Name extends keyof Part & string>(
  load: () => Promise<Part>,
  name: Name,
) {
  const loadOrSay = async () => {
    try {
      return await load()
    } catch (cause) {
      throw new MissingPart('A part of the pages did not come.', { cause })
    }
  }
  return lazyRouteComponent(loadOrSay, name)
}

const RELOADED_AT = 'reloaded-at'
const ONCE_IN_MS = 60_000

/** Loads the page anew if the server is there, unless that was done just now and was no help. */
export async function loadOnceAnew(): Promise<void> {
  if (Date.now() - lastReload() > ONCE_IN_MS) await loadAnew()
}

/** Loads the page anew if the server is there: what is shown is better than a browser's error. */
export async function loadAnew(): Promise<void> {
  const answer = await fetch('/favicon.svg', { cache: 'no-store' }).catch(() => undefined)
  if (!answer?.ok) return
  noteReload()
  location.reload()
}

function lastReload(): number {
  try {
    return Number(sessionStorage.getItem(RELOADED_AT))
  } catch {
    // Without a place to note it, only a press of the button loads anew.
    return Date.now()
  }
}

function noteReload(): void {
  try {
    sessionStorage.setItem(RELOADED_AT, String(Date.now()))
  } catch {
    // It was pressed for.
  }
}
