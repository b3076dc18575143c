import { Button } from '@mantine/core'
import { type ProblemType, problems } from '../../../src/contract/problems.ts'
import { Message } from '../parts/message.tsx'
import classes from './arrival.module.css'

/** What to say of a problem on the way back from a Git host, where the list of types says less. */
const explanations: Partial<Record<ProblemType, string>> = {
  'authorization-request-unknown':
    'It was begun in another browser or before you signed in anew, or was given up. Nothing was changed. Begin again from the list below.',
  'authorization-request-expired':
    'You came back more than ten minutes after it was begun. Nothing was changed. Begin again from the list below.',
  'not-signed-in':
    'You were not signed in here when you came back from the Git host. Nothing was changed. Begin again from the list below.',
  'database-unavailable':
    'Your answer from the Git host could not be kept. Nothing was changed. Begin again in a moment.',
}

const titles: Partial<Record<ProblemType, string>> = {
  'not-signed-in': 'The authorization was not finished',
}

/** One sentence for who came back from a Git host and belongs to no row. Only known types speak. */
export function Arrival({
  problem,
  onDismiss,
}: {
  problem: string | undefined
  /** Takes the problem out of the address. */
  onDismiss: () => Promise<void>
}) {
  if (problem === undefined || !isProblemType(problem)) return null
  async function dismiss() {
    await onDismiss()
    document.getElementById('main')?.focus({ preventScroll: true })
  }
  return (
    <div className={classes.arrival}>
      <Message
        tone="bad"
        urgent
        title={`${titles[problem] ?? problems[problem].title}.`}
        action={
          <Button variant="default" size="xs" onClick={dismiss}>
            Dismiss
          </Button>
        }
      >
        <p>
          {explanations[problem] ??
            'The authorization was not finished and nothing was changed. Begin again from the list below.'}
        </p>
      </Message>
    </div>
  )
}

function isProblemType(text: string): text is ProblemType {
  return Object.hasOwn(problems, text)
}
