import { Button, type ButtonProps, Loader } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import classes from './submit-button.module.css'

const PATIENCE_MS = 200

/**
 * A button that starts something. Its spinner waits, because what is quick needs none; and it stays
 * enabled, because a disabled button would lose the focus.
 */
export function SubmitButton({
  pending,
  children,
  ...props
}: ButtonProps & { pending: boolean; type?: 'submit' | 'button'; onClick?: () => void } & {
  children: ReactNode
}) {
  const slow = useSlow(pending)
  return (
    <Button type="submit" {...props} aria-disabled={pending || undefined}>
      <span className={classes.words} data-waiting={slow || undefined}>
        {children}
      </span>
      {slow && <Loader className={classes.loader ?? ''} size={16} color="currentColor" />}
    </Button>
  )
}

/** True once `pending` has been true for 200 ms. */
function useSlow(pending: boolean): boolean {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    if (!pending) return
    const timer = setTimeout(() => setSlow(true), PATIENCE_MS)
    return () => {
      clearTimeout(timer)
      setSlow(false)
    }
  }, [pending])
  return slow && pending
}
