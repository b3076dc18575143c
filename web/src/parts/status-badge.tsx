import { Tooltip, VisuallyHidden } from '@mantine/core'
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClockExclamation,
  IconClockX,
  IconHelpCircle,
  IconHourglass,
  IconRefreshAlert,
  type TablerIcon,
} from '@tabler/icons-react'
import type { ConnectionStatus } from '../../../src/contract/connections.ts'
import classes from './status-badge.module.css'

type Tone = 'good' | 'warn' | 'bad' | 'quiet'

const looks: Record<ConnectionStatus | 'none', { word: string; Icon: TablerIcon; tone: Tone }> = {
  valid: { word: 'Valid', Icon: IconCircleCheck, tone: 'good' },
  expiring: { word: 'Expires soon', Icon: IconClockExclamation, tone: 'warn' },
  expired: { word: 'Expired', Icon: IconClockX, tone: 'bad' },
  insufficient_scopes: { word: 'Scopes missing', Icon: IconAlertTriangle, tone: 'bad' },
  rejected: { word: 'Rejected', Icon: IconCircleX, tone: 'bad' },
  reauthorization_required: { word: 'Authorize again', Icon: IconRefreshAlert, tone: 'bad' },
  unverified: { word: 'Not verified', Icon: IconHelpCircle, tone: 'warn' },
  checking: { word: 'Checking', Icon: IconHourglass, tone: 'quiet' },
  none: { word: 'Not authorized', Icon: IconCircleDashed, tone: 'quiet' },
}

/** A status as a word and a shape; `reason` shows on hover and is read out. */
export function StatusBadge({
  status,
  reason = '',
  word = looks[status].word,
}: {
  status: ConnectionStatus | 'none'
  reason?: string
  /** Instead of the usual one. */
  word?: string
}) {
  const { Icon, tone } = looks[status]
  return (
    <Tooltip label={reason} disabled={reason === ''}>
      <span className={classes.badge} data-tone={tone} data-status={status}>
        <Icon size={16} stroke={2} aria-hidden />
        <span>{word}</span>
        {reason && <VisuallyHidden>: {reason}</VisuallyHidden>}
      </span>
    </Tooltip>
  )
}
