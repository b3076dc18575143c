import { Tooltip, UnstyledButton } from '@mantine/core'
import type { Scope } from '../../../src/contract/resources.ts'
import classes from './scopes.module.css'

const SHOWN = 2

/** The first scopes of a token; the rest on hover, focus or tap. Without any: what it was tried on. */
export function Scopes({
  scopes,
  tried_on = null,
}: {
  scopes: string[]
  tried_on?: string | null
}) {
  const rest = scopes.length - SHOWN
  if (scopes.length === 0 && tried_on !== null) {
    return (
      <span className={classes.tried}>
        Tried on <code>{tried_on}</code>
      </span>
    )
  }
  if (scopes.length === 0) return <span className={classes.none}>None named</span>
  return (
    <span className={classes.scopes}>
      {scopes.slice(0, SHOWN).map((scope) => (
        <code key={scope} className={classes.scope}>
          {scope}
        </code>
      ))}
      {rest > 0 && (
        <Tooltip label={<code>{scopes.join(' ')}</code>}>
          <UnstyledButton
            className={classes.more}
            aria-label={`+${rest}, all scopes: ${scopes.join(', ')}`}
          >
            +{rest}
          </UnstyledButton>
        </Tooltip>
      )}
    </span>
  )
}

/** All scopes, in the tone of what is said about them. */
export function ScopeChips({ scopes, tone }: { scopes: string[]; tone?: 'bad' }) {
  return (
    <span className={classes.scopes}>
      {scopes.map((scope) => (
        <code key={scope} className={classes.scope} data-tone={tone}>
          {scope}
        </code>
      ))}
    </span>
  )
}

/** Scopes one by one, each with what it is for. */
export function ScopeReasons({ scopes }: { scopes: readonly Scope[] }) {
  return (
    <ul className={classes.reasons}>
      {scopes.map(({ scope, reason }) => (
        <li key={scope}>
          <ScopeChips scopes={[scope]} />
          <span className={classes.reason}>{reason}</span>
        </li>
      ))}
    </ul>
  )
}
