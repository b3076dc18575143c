/**
 * Puts an answer into the form of RFC 6749 §5 where hosts stray from it: an error with status 200,
 * success with another one than that, numbers as text, `scope` as a list, no text for a `token_type`
 * or a `refresh_token`, another type than JSON. What is not JSON is passed on as it is.
 */
export async function inStandardForm(answer: Response): Promise<Response> {
  const text = await answer.text()
  const { status, headers } = answer
  const asItIs = () => new Response(text, { status, headers })
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return asItIs()
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return asItIs()
  const { id_token: _, ...given } = body as Record<string, unknown>
  const failed = typeof given.error === 'string'
  if (failed) return Response.json(given, { status: status < 400 ? 400 : status })
  return Response.json({ ...given, ...readable(given) }, { status: answer.ok ? 200 : status })
}

/**
 * What is only said beside the tokens must not cost them: with a refresh, the old ones are dead by
 * now. What cannot be read is taken as not said.
 */
function readable(given: Record<string, unknown>): object {
  const { expires_in, refresh_token, token_type } = given
  const granted = given.scope ?? given.scopes
  const scope = Array.isArray(granted) ? granted.join(' ') : granted
  return {
    // A type that is named and not known is not to be used, RFC 6749 §7.1.
    token_type: typeof token_type === 'string' ? token_type : 'bearer',
    expires_in: lifetimeIn(expires_in),
    scope: typeof scope === 'string' ? scope : undefined,
    refresh_token: typeof refresh_token === 'string' ? refresh_token || undefined : undefined,
  }
}

/** A hundred years: longer than anything lives, and short enough for a date. */
const MOST_SECONDS = 100 * 365 * 86_400

/** A lifetime in whole seconds; undefined for what is none. */
export function lifetimeIn(said: unknown): number | undefined {
  const seconds = typeof said === 'string' ? Number.parseInt(said, 10) : said
  if (typeof seconds !== 'number' || !(seconds > 0)) return undefined
  return Math.min(seconds, MOST_SECONDS)
}
