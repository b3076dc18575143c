import { Button } from '@mantine/core'
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import { ProblemError } from '../../../src/contract/problems.ts'
import { Notice } from '../parts/notice.tsx'
import { sentenceFor } from './problem.ts'

/** The same, where there is no frame around it. */
export function ErrorPageAlone(props: ErrorComponentProps) {
  return (
    <main>
      <ErrorPage {...props} />
    </main>
  )
}

/** What is shown when a page cannot be. */
export function ErrorPage({ error }: ErrorComponentProps) {
  const router = useRouter()
  const unanswered = error instanceof ProblemError || error instanceof TypeError
  return (
    <Notice title={unanswered ? 'This page could not be read' : 'This page stopped working'}>
      <p>
        {unanswered
          ? sentenceFor(error)
          : 'Your tokens and runtimes are not touched by this. Load the page again; if it keeps happening, tell your administrator what you were doing.'}
      </p>
      <Button onClick={() => (unanswered ? router.invalidate() : location.reload())}>
        {unanswered ? 'Try again' : 'Load again'}
      </Button>
    </Notice>
  )
}
