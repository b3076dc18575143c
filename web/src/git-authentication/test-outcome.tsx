import { IconCircleCheck, IconCircleX, IconHelpCircle, type TablerIcon } from '@tabler/icons-react'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import { Time } from '../parts/time.tsx'
import classes from './test-outcome.module.css'

type Test = NonNullable<OAuthClient['test']>

const looks: Record<Test['outcome'], { word: string; Icon: TablerIcon }> = {
  passed: { word: 'Passed', Icon: IconCircleCheck },
  not_proved: { word: 'Not proved', Icon: IconHelpCircle },
  failed: { word: 'Failed', Icon: IconCircleX },
}

/** How the last test of an app went: a word, a shape, when, and what it proved. */
export function TestOutcome({ test }: { test: OAuthClient['test'] }) {
  if (!test) return <span className={classes.quiet}>Not tested yet</span>
  const { word, Icon } = looks[test.outcome]
  return (
    <div>
      <span className={classes.outcome} data-outcome={test.outcome}>
        <Icon size={16} aria-hidden />
        <strong>{word}</strong>
        <span className={classes.quiet}>
          <Time at={test.at} />
        </span>
      </span>
      <p className={classes.detail}>{test.detail}</p>
    </div>
  )
}
