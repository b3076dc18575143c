import type { AccessDetail, Candidate } from '../../../src/contract/connections.ts'
import { isProblem, problemSentence, sentenceFor } from '../app/problem.ts'
import { ScopeChips } from '../parts/scopes.tsx'
import { Sentence } from '../parts/sentence.tsx'
import { useLasting } from '../parts/use-lasting.ts'
import { hasWorking } from './access.ts'
import classes from './candidate-outcome.module.css'
import { useTokenOwner } from './token-owner.ts'

const SLOW_MS = 6_000

/** Why a token was not taken, what still works, and what to do. */
export function CandidateFault({
  access,
  candidate,
  error,
  overdue,
}: {
  access: AccessDetail
  candidate: Candidate | undefined
  error: Error | null
  /** No vault has answered in time. */
  overdue: boolean
}) {
  const works = hasWorking(access)
  const { the } = useTokenOwner()
  const kept = works ? `${the} previous token still works.` : 'Nothing was changed.'
  if (error) {
    return (
      <>
        {sentenceFor(error)} {!isProblem(error, 'not-found') && kept}
      </>
    )
  }
  if (overdue) {
    return (
      <>
        No answer came within a minute. {kept} The check is made as soon as Countersign can: look at
        the list later, or try again. If this lasts, tell an administrator.
      </>
    )
  }
  if (candidate?.status === 'not_checked') {
    return (
      <>
        Could not check now. {kept} {candidate.problem?.detail}
      </>
    )
  }
  if (candidate?.status !== 'refused') return null
  const missing = candidate.problem?.missing_scopes ?? []
  return (
    <>
      {candidate.problem && <Sentence text={problemSentence(candidate.problem)} />} {kept}
      {missing.length > 0 && (
        <span className={classes.missing}>
          Missing: <ScopeChips scopes={missing} tone="bad" />
        </span>
      )}
    </>
  )
}

/** Says that the check is under way, and after a while that nobody has to wait for it. */
export function Progress({ name }: { name: string }) {
  const slow = useLasting('checking', SLOW_MS)
  return (
    <p role="status">
      {slow
        ? 'This takes longer than usual. You may close this panel: the check goes on, and the list shows how it went.'
        : `Asking ${name} about this token…`}
    </p>
  )
}
