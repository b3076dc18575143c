import { IconLock } from '@tabler/icons-react'
import { Message } from './message.tsx'
import classes from './seal-note.module.css'

/** What happens to a secret before it leaves the browser. */
export function SealNote() {
  return (
    <p className={classes.seal}>
      <IconLock size={15} aria-hidden />
      Sealed in this browser before it is sent. Only the vault can open it.
    </p>
  )
}

/** Instead of a form whose secret could only be sent in the clear. */
export function CannotSeal({ what }: { what: string }) {
  return (
    <Message tone="bad" title={`This page cannot seal ${what}.`}>
      <p>
        Browsers encrypt only on HTTPS and on localhost, and nothing secret is ever sent in the
        clear. Open Countersign at its https:// address, or ask your administrator for it.
      </p>
    </Message>
  )
}
