import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { AccessDetail, Connection } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { refreshAccess, reuseWord } from './access.ts'
import { WhatItMayDo } from './what-it-may-do.tsx'

/** Lets the runtime use a token that is here already. */
export function ReuseForm({
  access,
  connection,
  onClose,
}: {
  access: AccessDetail
  connection: Connection
  onClose: () => void
}) {
  const { runtime, provider } = access
  const queryClient = useQueryClient()
  const byOAuth = connection.method === 'oauth'
  const reuse = useMutation({
    mutationFn: () =>
      api.createAuthorization({
        body: {
          runtime_id: runtime.id,
          provider_id: provider.id,
          connection_id: connection.id,
        },
      }),
    onSuccess: async () => {
      await refreshAccess(queryClient)
      notify(
        'good',
        'Authorized',
        `${runtime.name} acts at ${provider.name} as ${connection.account.login}.`,
      )
      onClose()
    },
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!reuse.isPending) reuse.mutate()
      }}
    >
      <PanelContent>
        {byOAuth && <WhatItMayDo access={access} scopes={connection.scopes} />}
      </PanelContent>
      <PanelFooter
        note={
          reuse.isError && (
            <Message tone="bad" urgent>
              <p>{sentenceFor(reuse.error)}</p>
            </Message>
          )
        }
      >
        <SubmitButton pending={reuse.isPending}>{reuseWord(access, connection)}</SubmitButton>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}
