import { Button } from '@mantine/core'
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { ProblemError } from '../../../src/contract/problems.ts'
import { Notice } from '../parts/notice.tsx'
import { loadAnew, loadOnceAnew, MissingPart } from './missing-part.ts'
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
  if (error instanceof MissingPart) return <MissingPartPage />
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

/** After an upgrade the page is loaded anew, and has the part that was missing. */
function MissingPartPage() {
  const [tried, setTried] = useState(false)
  useEffect(() => {
    void loadOnceAnew().then(() => setTried(true))
  }, [])
  if (!tried) return null
  return (
    <Notice title="This page could not be read">
      <p>{sentenceFor(undefined)}</p>
      <Button onClick={() => void loadAnew()}>Try again</Button>
    </Notice>
  )
}
