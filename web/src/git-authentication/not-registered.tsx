import { IconPlugConnectedX } from '@tabler/icons-react'
import classes from './not-registered.module.css'

/** Says that nobody can authorize here yet. `calm`: and that nobody may want to. */
export function NotRegistered({ calm = false }: { calm?: boolean }) {
  return (
    <span className={classes.missing} data-calm={calm || undefined}>
      <IconPlugConnectedX size={16} aria-hidden />
      Git app not registered
    </span>
  )
}
