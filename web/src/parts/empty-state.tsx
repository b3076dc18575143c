import type { ReactNode } from 'react'
import classes from './empty-state.module.css'
import { LogoMark } from './logo.tsx'

/** An empty list: why it is empty, and the first step. */
export function EmptyState({
  title,
  action,
  children,
}: {
  title: string
  action?: ReactNode
  children?: ReactNode
}) {
  return (
    <div className={classes.empty}>
      <LogoMark size={36} />
      <h2 className={classes.title}>{title}</h2>
      {children && <div className={classes.words}>{children}</div>}
      {action && <div className={classes.action}>{action}</div>}
    </div>
  )
}
