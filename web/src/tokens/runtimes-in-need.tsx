import { Link } from '@tanstack/react-router'
import { Fragment } from 'react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { Message } from '../parts/message.tsx'

const NAMED = 5

/** One line for administrators: which runtimes have a token of their own that needs them. */
export function RuntimesInNeed({
  items,
  next_cursor,
}: {
  items: Runtime[]
  next_cursor: string | null
}) {
  const rest = items.length > NAMED || next_cursor !== null
  return (
    <Message tone="warn">
      <p>
        Own tokens of runtimes need an administrator:{' '}
        {items.slice(0, NAMED).map(({ id, name, tokens_in_need }, index) => (
          <Fragment key={id}>
            {index > 0 && ', '}
            <Link to="/admin/runtimes/$runtimeId" params={{ runtimeId: id }}>
              {name}
            </Link>{' '}
            at {tokens_in_need.join(' and ')}
          </Fragment>
        ))}
        {rest && (
          <>
            , and those of <Link to="/admin/runtimes">more runtimes</Link>
          </>
        )}
        .
      </p>
    </Message>
  )
}
