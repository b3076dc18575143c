import type { ReactNode } from 'react'
import classes from './two-lines.module.css'

/** A name with what explains it below, and a picture before both. */
export function TwoLines({
  icon,
  first,
  second,
}: {
  icon?: ReactNode
  first: ReactNode
  second?: ReactNode
}) {
  return (
    <span className={classes.row}>
      {icon}
      <span className={classes.lines}>
        <span className={classes.first}>{first}</span>
        {second && <span className={classes.second}>{second}</span>}
      </span>
    </span>
  )
}
