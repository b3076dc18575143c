import type { FastifyReply } from 'fastify'
import { type ProblemError, problems } from '../../contract/index.ts'

/**
 * Answers a browser that came back from a Git host when we could not go on: a page that needs nothing
 * of ours. What the host sent stands in its address, which works until it was used.
 */
export function sendStoppedPage(reply: FastifyReply, { type }: ProblemError): FastifyReply {
  return reply
    .code(503)
    .header('cache-control', 'no-store')
    .header(
      'content-security-policy',
      "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    )
    .type('text/html; charset=utf-8')
    .send(pageFor(problems[type].title))
}

function pageFor(what: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Not finished yet - Countersign</title>
<main>
<h1>Your authorization is not finished yet</h1>
<p>${what}, at Countersign, not at the Git host. Nothing was lost: what you allowed is kept in the
address of this page, and what you had before still works.</p>
<p><a href="">Load this page again</a> in a moment. If more than ten minutes have passed since you began,
begin again from the list; if this stays so, tell an administrator.</p>
</main>
</html>
`
}
