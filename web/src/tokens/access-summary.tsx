import { IconArrowRight, IconGitBranch, IconServer2 } from '@tabler/icons-react'
import type { AccessDetail, Connection } from '../../../src/contract/connections.ts'
import { AccountChip } from '../parts/account.tsx'
import { StatusBadge } from '../parts/status-badge.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { shortAddress } from '../providers/address.ts'
import { nameList } from './access.ts'
import classes from './access-summary.module.css'
import type { NewWay } from './ways.ts'

/** Which runtime will act at which Git host. */
export function AccessSummary({ access: { runtime, provider } }: { access: AccessDetail }) {
  return (
    <div className={classes.summary}>
      <TwoLines
        icon={<IconServer2 className={classes.icon} size={20} stroke={1.6} aria-hidden />}
        first={runtime.name}
        second={runtime.description || 'Runtime'}
      />
      <IconArrowRight className={classes.arrow} size={18} aria-label="acts at" />
      <TwoLines
        icon={<IconGitBranch className={classes.icon} size={20} stroke={1.6} aria-hidden />}
        first={provider.name}
        second={shortAddress(provider.base_url)}
      />
    </div>
  )
}

/** The token that the row has now, and who else depends on it. */
export function CurrentToken({
  access: { runtime },
  connection,
  way,
  stays,
}: {
  access: AccessDetail
  connection: Connection
  /** How a new one comes; undefined: it is there already. */
  way: NewWay | undefined
  /** It is to be used again, which only began too long ago. */
  stays: boolean
}) {
  const byOAuth = connection.method === 'oauth'
  const others = connection.runtimes.filter((other) => other.id !== runtime.id)
  const goesOn = becomes(connection, way, others.length === 1 ? ' and keeps it' : ' and keep it')
  return (
    <section aria-labelledby="current-token">
      <h3 id="current-token" className={classes.heading}>
        {byOAuth ? 'Current authorization' : 'Current token'}
      </h3>
      <div className={classes.current}>
        <AccountChip account={connection.account} />
        <StatusBadge status={connection.status} reason={connection.reason} />
      </div>
      <p className={classes.note}>
        {stays && 'It stays, and its time begins anew.'}
        {!stays && (byOAuth ? 'A new one replaces it.' : 'The new token replaces it with no gap.')}
        {!stays &&
          others.length > 0 &&
          ` ${nameList(others)} ${others.length === 1 ? 'uses' : 'use'} it too${goesOn}.`}
      </p>
    </section>
  )
}

/** What becomes of a token for the other runtimes that use it. */
function becomes({ method }: Connection, way: NewWay | undefined, kept: string): string {
  if (method === 'token') return way === 'paste' ? ' and will use the new one' : kept
  // Of a grant, that depends on the app that it was made to.
  return way === 'oauth' ? '' : kept
}
