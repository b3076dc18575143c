import type { AccessDetail } from '../../../src/contract/connections.ts'
import { OutsideButton } from '../parts/outside-link.tsx'
import { ScopeReasons } from '../parts/scopes.tsx'
import classes from './token-how-to.module.css'
import { useTokenOwner } from './token-owner.ts'

/** Where to make a token, and what it must be allowed to do. */
export function TokenHowTo({ access }: { access: AccessDetail }) {
  const { required_scopes, token_page, provider, probe_repository } = access
  const { makeHint } = useTokenOwner()
  return (
    <section aria-labelledby="needed-scopes">
      <h3 id="needed-scopes" className={classes.heading}>
        Scopes the token needs
      </h3>
      <ScopeReasons scopes={required_scopes} />
      {probe_repository && (
        <p className={classes.tried}>
          A fine-grained token is tried on <code>{probe_repository}</code>: let it read and write
          there.
        </p>
      )}
      <p className={classes.make}>
        <OutsideButton href={token_page.url}>Make a token at {provider.name}</OutsideButton>
        <span className={classes.reason}>
          {token_page.scopes_filled_in
            ? 'The page opens with these scopes chosen.'
            : 'Choose these scopes on that page yourself.'}
          {makeHint}
        </span>
      </p>
    </section>
  )
}
