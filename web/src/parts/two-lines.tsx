import type { ReactNode } from 'react'
import classes from './two-lines.module.css'

/** A name with what explains it below, and a picture before both. */
export function TwoLines({
  icon,
  first,
  second,
  brief = false,
}: {
  icon?: ReactNode
  first: ReactNode
  second?: ReactNode
  /** Shows no more than two lines of what explains it; all of it on hover. */
  brief?: boolean
}) {
  return (
    <span className={classes.row}>
      {icon}
      <span className={classes.lines}>
        <span className={classes.first}>{first}</span>
        {second && (
          <span
            className={classes.second}
            data-brief={brief || undefined}
            title={brief && typeof second === 'string' ? second : undefined}
          >
            {second}
          </span>
        )}
      </span>
    </span>
  )
}
