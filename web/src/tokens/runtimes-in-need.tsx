import { Link } from '@tanstack/react-router'
import { Fragment } from 'react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { Message } from '../parts/message.tsx'

const NAMED = 5

/** For administrators: which runtimes have a token of their own, or an app, that needs them. */
export function RuntimesInNeed({
  items,
  next_cursor,
}: {
  items: Runtime[]
  next_cursor: string | null
}) {
  const more = next_cursor !== null
  return (
    <Message tone="warn">
      <Need
        words="Own tokens of runtimes need an administrator:"
        items={items}
        hostsOf={({ tokens_in_need }) => tokens_in_need}
        more={more}
      />
      <Need
        words="A Git host does not accept the app with which people authorize:"
        items={items}
        hostsOf={({ apps_in_need }) => apps_in_need}
        more={more}
      />
    </Message>
  )
}

/** One line; none where no runtime has this need. */
function Need({
  words,
  items,
  hostsOf,
  more,
}: {
  words: string
  items: Runtime[]
  hostsOf: (runtime: Runtime) => string[]
  more: boolean
}) {
  const some = items.filter((runtime) => hostsOf(runtime).length > 0)
  if (some.length === 0) return null
  return (
    <p>
      {words}{' '}
      {some.slice(0, NAMED).map((runtime, index) => (
        <Fragment key={runtime.id}>
          {index > 0 && ', '}
          <Link to="/admin/runtimes/$runtimeId" params={{ runtimeId: runtime.id }}>
            {runtime.name}
          </Link>{' '}
          at {hostsOf(runtime).join(' and ')}
        </Fragment>
      ))}
      {(some.length > NAMED || more) && (
        <>
          , and those of <Link to="/admin/runtimes">more runtimes</Link>
        </>
      )}
      .
    </p>
  )
}
