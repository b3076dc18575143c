export interface RecordedAnswer {
  /** Where it came from. */
  origin: string
  /** Method and path, ids as `:id`. */
  route: string
  /** Status, headers but for cookies, and body. */
  text: string
}

/** Keeps a copy of everything that is answered to `fetch` in this process, until disposed. */
export function recordAnswers(): Disposable & { answers: readonly RecordedAnswer[] } {
  const { fetch } = globalThis
  const answers: RecordedAnswer[] = []
  globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init)
    const { origin, pathname } = new URL(response.url)
    if (pathname.startsWith('/control/')) return response
    const path = pathname.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, ':id')
    const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
    const answer = {
      origin,
      route: `${init?.method ?? 'GET'} ${path}`,
      text: JSON.stringify(headers),
    }
    answers.push(answer)
    if (response.headers.get('content-type') === 'text/event-stream') return response
    const body = await response.bytes()
    answer.text += Buffer.from(body).toString()
    return new Response(body.length === 0 ? null : body, response)
  }
  return {
    answers,
    [Symbol.dispose]() {
      globalThis.fetch = fetch
    },
  }
}
