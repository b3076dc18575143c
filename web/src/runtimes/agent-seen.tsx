import { IconPlugConnected, IconPlugConnectedX } from '@tabler/icons-react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import classes from './agent-seen.module.css'

const AWAY_AFTER_MS = 180_000

/** When a runtime's agent last gave a sign of life, and which version it is. */
export function AgentSeen({ agent }: { agent: Runtime['agent'] }) {
  if (!agent) {
    return (
      <TwoLines
        icon={<IconPlugConnectedX className={classes.away} size={18} aria-hidden />}
        first="Never seen"
      />
    )
  }
  const away = Date.now() - Date.parse(agent.seen_at) > AWAY_AFTER_MS
  const Icon = away ? IconPlugConnectedX : IconPlugConnected
  return (
    <TwoLines
      icon={<Icon className={away ? classes.away : classes.here} size={18} aria-hidden />}
      first={
        <>
          Seen <Time at={agent.seen_at} />
        </>
      }
      second={`Version ${agent.version}`}
    />
  )
}
