import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawAvatar } from '../avatar.ts'
import { param, type Route } from '../http.ts'
import type { Forge } from '../state.ts'
import { accessTokenPages } from './access-tokens.ts'
import { oauthApplicationPages } from './oauth-applications.ts'
import { repositoryPages } from './repositories.ts'
import { signInRoutes } from './sign-in.ts'

/** Every page for people. Paths with a name in them come last. */
export function pageRoutes(forge: Forge): Route[] {
  const style = readFileSync(join(import.meta.dirname, 'sandbox.css'))
  return [
    {
      method: 'GET',
      pattern: '/assets/sandbox.css',
      handle({ response }) {
        response.writeHead(200, { 'content-type': 'text/css; charset=utf-8' }).end(style)
      },
    },
    {
      method: 'GET',
      pattern: '/avatars/{hash}',
      handle(exchange) {
        exchange.response.writeHead(200, {
          'content-type': 'image/png',
          'cache-control': 'public, max-age=86400',
          'x-content-type-options': 'nosniff',
        })
        exchange.response.end(drawAvatar(param(exchange, 'hash')))
      },
    },
    ...signInRoutes(forge),
    ...accessTokenPages(forge),
    ...oauthApplicationPages(forge),
    ...repositoryPages(forge),
  ]
}
