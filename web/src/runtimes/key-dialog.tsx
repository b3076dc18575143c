import { Button } from '@mantine/core'
import { shellWord } from '../../../src/contract/shell-word.ts'
import { usePerson } from '../app/session.ts'
import { CopyField } from '../parts/copy-field.tsx'
import { Dialog, DialogButtons } from '../parts/dialog.tsx'
import { Message } from '../parts/message.tsx'
import classes from './key-dialog.module.css'

/** A runtime's key, this once. Only its button closes it. */
export function KeyDialog({
  runtime,
  secret,
  rotated = false,
  onClose,
}: {
  runtime: string
  secret: string
  rotated?: boolean
  onClose: () => void
}) {
  const { email } = usePerson()
  return (
    <Dialog title={`Key of runtime ${runtime}`} size="lg">
      <Message tone="warn" title="This key is shown once.">
        <p>
          Store it where only the runtime's agent can read it. If it is lost, rotate it; nobody can
          show it again.
          {rotated && ' The old key works for one more day.'}
        </p>
      </Message>
      <CopyField label="Runtime key" text={secret} />
      <CopyField
        label="Agent command"
        text={`npx countersign agent --vault VAULT_ADDRESS --runtime-key-file runtime.key --person ${shellWord(email)}`}
        description="Beside the workloads, with the key in the file runtime.key:"
      />
      <p className={classes.note}>
        VAULT_ADDRESS is where <code>countersign vault</code> answers; with{' '}
        <code>countersign up</code> on this machine, and no other port chosen, it is{' '}
        <code>http://127.0.0.1:7081</code>. Give <code>--person</code> once for each person who
        works there.
      </p>
      <DialogButtons>
        <Button onClick={onClose}>I have stored the key</Button>
      </DialogButtons>
    </Dialog>
  )
}
