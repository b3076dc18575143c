import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './dialog.module.css'
import { useReturnFocus } from './return-focus.ts'

/** A question or a message in front of the page. Without `onClose` only its own buttons end it. */
export function Dialog({
  title,
  size = 'md',
  onClose,
  focusAfter,
  children,
}: {
  title: string
  size?: 'md' | 'lg'
  onClose?: () => void
  /** Id of the element that gets the focus afterwards, when what had it is gone. */
  focusAfter?: string | undefined
  children: ReactNode
}) {
  useReturnFocus(focusAfter)
  return (
    <Modal.Root
      opened
      centered
      size={size}
      onClose={() => onClose?.()}
      closeOnEscape={onClose !== undefined}
      closeOnClickOutside={onClose !== undefined}
    >
      <Modal.Overlay backgroundOpacity={0.4} />
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
