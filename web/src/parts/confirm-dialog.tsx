import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { sentenceFor } from '../app/problem.ts'
import { Dialog, DialogButtons } from './dialog.tsx'
import { Message } from './message.tsx'
import { SubmitButton } from './submit-button.tsx'

/** Asks once before something ends, or much is given. `children` say what, by name. */
export function ConfirmDialog({
  title,
  confirm,
  ends = true,
  onConfirm,
  onClose,
  focusAfter,
  children,
}: {
  title: string
  /** Words on the button: what it does. */
  confirm: string
  /** Something stops working. */
  ends?: boolean
  onConfirm: () => Promise<unknown>
  onClose: () => void
  focusAfter?: string
  children: ReactNode
}) {
  const mutation = useMutation({ mutationFn: onConfirm, onSuccess: onClose })
  return (
    <Dialog title={title} onClose={onClose} focusAfter={focusAfter}>
      {children}
      {mutation.isError && (
        <Message tone="bad" urgent>
          <p>{sentenceFor(mutation.error)}</p>
        </Message>
      )}
      <DialogButtons>
        <Button variant="default" data-autofocus onClick={onClose}>
          Cancel
        </Button>
        <SubmitButton
          type="button"
          {...(ends && { color: 'red' })}
          pending={mutation.isPending}
          onClick={() => {
            if (!mutation.isPending) mutation.mutate()
          }}
        >
          {confirm}
        </SubmitButton>
      </DialogButtons>
    </Dialog>
  )
}
