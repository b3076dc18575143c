import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { sentenceFor } from '../app/problem.ts'
import { Dialog, DialogButtons } from './dialog.tsx'
import { Message } from './message.tsx'
import { SubmitButton } from './submit-button.tsx'

/** Asks once before something ends. `children` say what stops working, by name. */
export function ConfirmDialog({
  title,
  confirm,
  onConfirm,
  onClose,
  focusAfter,
  children,
}: {
  title: string
  /** Words on the button: what it does. */
  confirm: string
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
          color="red"
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
