import { Button } from '@mantine/core'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { Message } from './message.tsx'
import { PanelContent } from './panel.tsx'
import { SkeletonLine } from './skeleton-line.tsx'

interface Unread {
  /** Null while the answer is on its way. */
  error: Error | null
  /** Words on the button that leads back. */
  back: string
  onBack: () => void
  onRetry: () => void
}

/** A panel before what it shows was read, or why that could not be. */
export function PanelUnread({ error, lines = 8, ...ways }: Unread & { lines?: number }) {
  return (
    <PanelContent>
      {error === null ? <SkeletonLine lines={lines} /> : <Fault error={error} {...ways} />}
    </PanelContent>
  )
}

/** What is gone leads back, all else is tried again. */
function Fault({ error, back, onBack, onRetry }: Unread & { error: Error }) {
  const action = isProblem(error, 'not-found') ? (
    <Button variant="default" onClick={onBack}>
      {back}
    </Button>
  ) : (
    <Button onClick={onRetry}>Try again</Button>
  )
  return (
    <Message tone="bad" urgent action={action}>
      <p>{sentenceFor(error)}</p>
    </Message>
  )
}
