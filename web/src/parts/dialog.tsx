import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'
import { useSessionOver } from '../app/session-over.ts'
import classes from './dialog.module.css'
import { useReturnFocus } from './return-focus.ts'

/** Above menus, and below what is announced. */
const ABOVE_ALL = 350

/** A question or a message in front of the page. Without `onClose` only its own buttons end it. */
export function Dialog({
  title,
  size = 'md',
  covers = false,
  onClose,
  focusAfter,
  children,
}: {
  title: string
  size?: 'md' | 'lg'
  /** Lets nothing be seen of what is behind it. */
  covers?: boolean
  onClose?: () => void
  /** Id of the element that gets the focus afterwards, when what had it is gone. */
  focusAfter?: string | undefined
  children: ReactNode
}) {
  useReturnFocus(focusAfter)
  const over = useSessionOver()
  return (
    <Modal.Root
      opened
      centered
      size={size}
      onClose={() => onClose?.()}
      closeOnEscape={onClose !== undefined && !over}
      closeOnClickOutside={onClose !== undefined}
      {...(covers && { zIndex: ABOVE_ALL })}
    >
      <Modal.Overlay
        {...(covers
          ? { backgroundOpacity: 1, color: 'var(--cs-page)', 'data-covers': true }
          : { backgroundOpacity: 0.4 })}
      />
      <Modal.Content>
        <div className={classes.header}>
          <Modal.Title className={classes.title ?? ''}>{title}</Modal.Title>
          {onClose && <Modal.CloseButton aria-label="Close" />}
        </div>
        <Modal.Body className={classes.body ?? ''}>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}

/** The buttons that end a dialog. */
export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className={classes.buttons}>{children}</div>
}
