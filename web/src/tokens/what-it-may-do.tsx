import type { AccessDetail } from '../../../src/contract/connections.ts'
import { ScopeReasons } from '../parts/scopes.tsx'
import { useTokenOwner } from './token-owner.ts'
import classes from './what-it-may-do.module.css'

/** What one says yes to: the runtime, the Git host, and the scopes. */
export function WhatItMayDo({
  access: { runtime, provider, required_scopes, requested_scopes },
  scopes,
}: {
  access: AccessDetail
  scopes: readonly string[]
}) {
  const { as } = useTokenOwner()
  const known = [...required_scopes, ...requested_scopes]
  const reasons = new Map(known.map(({ scope, reason }) => [scope, reason]))
  return (
    <section aria-labelledby="may-do">
      <h3 id="may-do" className={classes.heading}>
        What runtime <code>{runtime.name}</code> may then do at {provider.name} {as}
      </h3>
      {scopes.length === 0 ? (
        <p className={classes.quiet}>What the app is set up for at {provider.name}.</p>
      ) : (
        <ScopeReasons
          scopes={scopes.map((scope) => ({ scope, reason: reasons.get(scope) ?? '' }))}
        />
      )}
    </section>
  )
}
