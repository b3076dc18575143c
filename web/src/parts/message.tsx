import {
  IconAlertTriangle,
  IconCircleX,
  IconInfoCircle,
  type TablerIcon,
} from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './message.module.css'

type Tone = 'info' | 'warn' | 'bad'

const icons: Record<Tone, TablerIcon> = {
  info: IconInfoCircle,
  warn: IconAlertTriangle,
  bad: IconCircleX,
}

/** Something to know before going on, with its way on beside it. */
export function Message({
  tone,
  title,
  action,
  urgent = false,
  children,
}: {
  tone: Tone
  title?: string
  action?: ReactNode
  /** Interrupts a screen reader: for what just went wrong. */
  urgent?: boolean
  children?: ReactNode
}) {
  const Icon = icons[tone]
  return (
    <div className={classes.message} data-tone={tone} role={urgent ? 'alert' : undefined}>
      <Icon className={classes.icon} size={18} aria-hidden />
      <div className={classes.words}>
        {title && <p className={classes.title}>{title}</p>}
        {children}
      </div>
      {action && <div className={classes.action}>{action}</div>}
    </div>
  )
}
