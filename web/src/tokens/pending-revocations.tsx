import type { Revocation } from '../../../src/contract/revocations.ts'
import { type PagedListOf, usePagedList } from '../app/paging.ts'
import { OutsideLink } from '../parts/outside-link.tsx'
import { Section } from '../parts/section.tsx'
import { ShowMore } from '../parts/show-more.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import classes from './pending-revocations.module.css'

/**
 * What is over here and not yet at its Git host. Not there when there is nothing of the kind.
 *
 * @param of where they are read, once this is drawn: they are the last that anybody looks for
 */
export function PendingRevocations({ of }: { of: PagedListOf<Revocation> }) {
  const list = usePagedList<Revocation>(...of)
  if (!list.items?.length) return null
  return (
    <Section title="Not ended at the Git host yet">
      <p className={classes.quiet}>
        These are over here, and nothing uses them any more. The Git host could not be told so far;
        that is tried again for a month.
      </p>
      <ul>
        {list.items.map((revocation) => (
          <Row key={revocation.id} revocation={revocation} />
        ))}
      </ul>
      <ShowMore list={list} />
    </Section>
  )
}

function Row({ revocation }: { revocation: Revocation }) {
  const { provider, account, created_at, reason, tried_at, grant_page } = revocation
  return (
    <li className={classes.row}>
      <TwoLines first={provider.name} second={account} />
      <span className={classes.quiet}>
        Ended here <Time at={created_at} />
      </span>
      <span className={classes.quiet}>
        {reason ?? 'Waits for its turn.'}
        {tried_at !== null && (
          <>
            {' '}
            Tried <Time at={tried_at} />.
          </>
        )}
      </span>
      {grant_page === null ? (
        <span className={classes.quiet}>
          Former tokens of an authorization that is in use. Countersign goes on ending them by
          itself; do not end the authorization at {provider.name}.
        </span>
      ) : (
        <OutsideLink href={grant_page}>End it at {provider.name}</OutsideLink>
      )}
    </li>
  )
}
