import { IconAlertTriangle } from '@tabler/icons-react'
import classes from './own-tokens-in-need.module.css'

/** Where a runtime's own token needs an administrator. */
export function OwnTokensInNeed({ hosts }: { hosts: string[] }) {
  return (
    <span className={classes.need}>
      <IconAlertTriangle size={16} stroke={2} aria-hidden className={classes.icon} />
      Update at {hosts.join(', ')}
    </span>
  )
}
