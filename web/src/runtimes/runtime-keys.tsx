import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Runtime, RuntimeKey } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { Message } from '../parts/message.tsx'
import { Section } from '../parts/section.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Time } from '../parts/time.tsx'
import { KeyDialog } from './key-dialog.tsx'
import classes from './runtime-keys.module.css'

/** The keys of a runtime: one, or two while the older one runs out. */
export function RuntimeKeys({ runtime }: { runtime: Runtime }) {
  const queryClient = useQueryClient()
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['runtimes'] })
  const [revoking, setRevoking] = useState<RuntimeKey>()
  const rotate = useMutation({
    mutationFn: () => api.createRuntimeKey({ params: { id: runtime.id } }),
    onSuccess: refresh,
  })
  return (
    <Section
      title="Keys"
      action={
        <SubmitButton
          id="rotate-key"
          type="button"
          size="xs"
          variant="default"
          pending={rotate.isPending}
          onClick={() => {
            if (!rotate.isPending) rotate.mutate()
          }}
        >
          Rotate key
        </SubmitButton>
      }
    >
      <p className={classes.quiet}>
        With a key, the runtime's agent speaks to the vault. Rotating makes a new one; the old one
        works for another day.
      </p>
      {rotate.isError && (
        <Message tone="bad" urgent>
          <p>{sentenceFor(rotate.error)}</p>
        </Message>
      )}
      <ul className={classes.keys} aria-label="Keys of this runtime">
        {runtime.keys.map((key) => (
          <li key={key.id} className={classes.key}>
            <code>csr_…{key.hint}</code>
            <span className={classes.quiet}>
              Made <Time at={key.created_at} />
            </span>
            <span className={classes.quiet}>
              {key.expires_at ? (
                <>
                  Stops working <Time at={key.expires_at} />
                </>
              ) : (
                'Works until it is rotated'
              )}
            </span>
            <Button
              size="xs"
              variant="subtle"
              color="red"
              aria-label={`Revoke key ending in ${key.hint}`}
              onClick={() => setRevoking(key)}
            >
              Revoke
            </Button>
          </li>
        ))}
      </ul>
      {rotate.data && (
        <KeyDialog runtime={runtime.name} secret={rotate.data.key} rotated onClose={rotate.reset} />
      )}
      {revoking && (
        <ConfirmDialog
          title={`Revoke the key ending in ${revoking.hint}?`}
          confirm="Revoke"
          onClose={() => {
            setRevoking(undefined)
            rotate.reset()
          }}
          onConfirm={async () => {
            await api.deleteRuntimeKey({ params: { id: runtime.id, key_id: revoking.id } })
            await refresh()
          }}
          focusAfter="rotate-key"
        >
          <p>
            An agent of <code>{runtime.name}</code> that still uses this key gets no more
            credentials, from the next Git command on.
          </p>
        </ConfirmDialog>
      )}
    </Section>
  )
}
