import { Radio } from '@mantine/core'
import type { AccessDetail, Connection } from '../../../src/contract/connections.ts'
import { AccountChip } from '../parts/account.tsx'
import { StatusBadge } from '../parts/status-badge.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { nameList, reuseWord } from './access.ts'
import classes from './token-source.module.css'
import type { NewWay } from './ways.ts'

/** A token the person already has, or a way to a new one. */
export function TokenSource({
  access,
  reusable,
  ways,
  chosen,
  onChoose,
}: {
  access: AccessDetail
  reusable: Connection[]
  ways: NewWay[]
  /** The id of a connection, or a way. */
  chosen: string
  onChoose: (id: string) => void
}) {
  const { name } = access.provider
  // Tab goes to the one that is chosen, and on from there; arrow keys choose.
  const tabIndex = (id: string) => (chosen === id || chosen === '' ? 0 : -1)
  const several = reusable.filter(({ method }) => method === 'token').length > 1
  // Several are told apart by who uses them.
  const isNamed = ({ method, runtimes }: Connection) =>
    several && method === 'token' && runtimes.length > 0
  const title = (connection: Connection) =>
    isNamed(connection)
      ? `Use the token of ${nameList(connection.runtimes)}`
      : reuseTitle(access, connection)
  const label = access.oauth === 'not_offered' ? 'Which token?' : 'How to authorize'
  return (
    <Radio.Group value={chosen} onChange={onChoose} label={label}>
      <div className={classes.cards}>
        {reusable.map((connection) => (
          <Radio.Card
            key={connection.id}
            value={connection.id}
            tabIndex={tabIndex(connection.id)}
            className={classes.card ?? ''}
            aria-label={`${title(connection)}: ${connection.account.login}${isNamed(connection) ? '' : `, used by ${nameList(connection.runtimes)}`}`}
          >
            <Radio.Indicator />
            <Reusable
              title={title(connection)}
              connection={connection}
              provider={name}
              used={isNamed(connection) ? [] : connection.runtimes}
            />
          </Radio.Card>
        ))}
        {ways.map((way) => {
          const { first, second } = wordsFor(way, name)
          return (
            <Radio.Card
              key={way}
              value={way}
              tabIndex={tabIndex(way)}
              className={classes.card ?? ''}
              aria-label={first}
            >
              <Radio.Indicator />
              <TwoLines first={first} second={second} />
            </Radio.Card>
          )
        })}
      </div>
    </Radio.Group>
  )
}

function wordsFor(way: NewWay, provider: string): { first: string; second: string } {
  if (way === 'paste') {
    return { first: 'Paste a new token', second: `Make one at ${provider} for this runtime.` }
  }
  return { first: `Authorize access to ${provider}`, second: 'Sign in there and allow it anew.' }
}

function reuseTitle(access: AccessDetail, connection: Connection): string {
  if (connection.method === 'token') return 'Use the token you already have'
  return reuseWord(access, connection)
}

function Reusable({
  title,
  connection,
  provider,
  used,
}: {
  title: string
  connection: Connection
  provider: string
  /** The runtimes to name. */
  used: Connection['runtimes']
}) {
  return (
    <div className={classes.reusable}>
      <p className={classes.title}>{title}</p>
      {connection.method === 'oauth' && (
        <p className={classes.used}>Without signing in at {provider} again.</p>
      )}
      <div className={classes.facts}>
        <AccountChip account={connection.account} />
        <StatusBadge status={connection.status} />
      </div>
      {used.length > 0 && <p className={classes.used}>Used by {nameList(used)}</p>}
    </div>
  )
}
