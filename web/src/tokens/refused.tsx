import type { AccessDetail } from '../../../src/contract/connections.ts'
import { type Problem, problemType } from '../../../src/contract/problems.ts'
import { problemSentence } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { ScopeChips } from '../parts/scopes.tsx'
import { Sentence } from '../parts/sentence.tsx'

/** Why a person came back from the Git host without an authorization, and what still works. */
export function Refused({ access, problem }: { access: AccessDetail; problem: Problem }) {
  const missing = problem.missing_scopes ?? []
  const declined = problemType(problem.type) === 'authorization-declined'
  return (
    <Message tone={declined ? 'warn' : 'bad'} urgent>
      <p>
        <Sentence text={problemSentence(problem)} />
      </p>
      {missing.length > 0 && (
        <p>
          Missing: <ScopeChips scopes={missing} tone="bad" />
        </p>
      )}
      {access.authorization && <p>What was authorized before is as it was.</p>}
    </Message>
  )
}
