import { Button, type ButtonProps, Loader } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './submit-button.module.css'
import { useLasting } from './use-lasting.ts'

const PATIENCE_MS = 200

/**
 * A button that starts something. Its spinner waits, because what is quick needs none; and it stays
 * enabled, because a disabled button would lose the focus.
 */
export function SubmitButton({
  pending,
  children,
  ...props
}: ButtonProps & {
  pending: boolean
  id?: string
  type?: 'submit' | 'button'
  onClick?: () => void
} & {
  children: ReactNode
}) {
  const slow = useLasting(pending ? 'pending' : undefined, PATIENCE_MS)
  return (
    <Button type="submit" {...props} aria-disabled={pending || undefined}>
      <span className={classes.words} data-waiting={slow || undefined}>
        {children}
      </span>
      {slow && <Loader className={classes.loader ?? ''} size={16} color="currentColor" />}
    </Button>
  )
}
