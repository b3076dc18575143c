import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './in-need.module.css'

/** Something of a runtime that needs an administrator, in a word or two. */
export function InNeed({ children }: { children: ReactNode }) {
  return (
    <span className={classes.need}>
      <IconAlertTriangle size={16} stroke={2} aria-hidden className={classes.icon} />
      <span>{children}</span>
    </span>
  )
}
