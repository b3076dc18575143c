import { IconPlugConnectedX } from '@tabler/icons-react'
import classes from './not-registered.module.css'

/** Says that nobody can authorize here yet. */
export function NotRegistered() {
  return (
    <span className={classes.missing}>
      <IconPlugConnectedX size={16} aria-hidden />
      Git app not registered
    </span>
  )
}
