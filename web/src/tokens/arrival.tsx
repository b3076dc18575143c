import { Button } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { type ProblemType, problems } from '../../../src/contract/problems.ts'
import { Message } from '../parts/message.tsx'
import classes from './arrival.module.css'

/** What to say of a problem on the way back from a Git host, where the list of types says less. */
const explanations: Partial<Record<ProblemType, string>> = {
  'authorization-request-unknown':
    'It took longer than ten minutes, was used already, or was begun in another browser. Nothing was changed. Begin again from the list below.',
  'not-signed-in':
    'You were not signed in here when you came back from the Git host. Nothing was changed. Begin again from the list below.',
  'database-unavailable':
    'Your answer from the Git host could not be kept. Nothing was changed. Begin again in a moment.',
}

const titles: Partial<Record<ProblemType, string>> = {
  'not-signed-in': 'The authorization was not finished',
}

/** One sentence for who came back from a Git host and belongs to no row. Only known types speak. */
export function Arrival({ problem }: { problem: string | undefined }) {
  const navigate = useNavigate()
  if (problem === undefined || !isProblemType(problem)) return null
  async function dismiss() {
    await navigate({ to: '/tokens', search: ({ q }) => (q ? { q } : {}), replace: true })
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
