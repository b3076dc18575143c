import type { Access, Connection } from '../../../src/contract/connections.ts'
import { Sentence } from '../parts/sentence.tsx'
import { StatusBadge } from '../parts/status-badge.tsx'
import { Time } from '../parts/time.tsx'
import { HiddenNotice } from './hidden-notice.tsx'
import { useTokenOwner } from './token-owner.ts'
import classes from './token-status.module.css'

const calm = new Set(['valid', 'checking'])

/** How a row's token is doing, with the reason in sight when it is not well. */
export function TokenStatus({ access }: { access: Access }) {
  const { authorization } = access
  const { none } = useTokenOwner()
  if (!authorization) return <StatusBadge status="none" {...none} />
  const { connection } = authorization
  const plain = calm.has(connection.status) && !connection.check_failed
  return (
    <div>
      <span className={classes.line}>
        <StatusBadge
          status={connection.status}
          {...(calm.has(connection.status) && { reason: connection.reason })}
        />
        <span className={classes.method}>{connection.method === 'oauth' ? 'OAuth2' : 'Token'}</span>
      </span>
      {!plain && (
        <p className={classes.why}>
          <Why connection={connection} />
        </p>
      )}
      {authorization.notice?.hidden && <HiddenNotice access={access} />}
    </div>
  )
}

function Why({ connection }: { connection: Connection }) {
  const { check_failed, checked_at, status, reason } = connection
  if (!check_failed) return <Sentence text={reason} />
  const works = status === 'valid' || status === 'expiring'
  return (
    <>
      Could not check now.{' '}
      {checked_at && (
        <>
          {works ? 'Last valid as of' : 'As of'} <Time at={checked_at} />
          {works ? ', and used as before.' : '.'}{' '}
        </>
      )}
      <Sentence text={check_failed.reason} />
    </>
  )
}
