import { Button } from '@mantine/core'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { Message } from './message.tsx'

/** Why a panel could not be filled: what is gone leads back, all else is tried again. */
export function PanelFault({
  error,
  back,
  onBack,
  onRetry,
}: {
  error: Error
  /** Words on the button that leads back. */
  back: string
  onBack: () => void
  onRetry: () => void
}) {
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
