import { Button, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { namesInOrder } from '../app/names.ts'
import { sentenceFor } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { PanelUnread } from '../parts/panel-unread.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { ProviderChoice } from './provider-choice.tsx'
import { runtimeQuery } from './runtimes.ts'

const route = getRouteApi('/signed-in/admin/runtimes/$runtimeId/edit')

/** Changes what a runtime is for and which Git hosts it uses. */
export function EditRuntime() {
  const { runtimeId } = route.useParams()
  const panel = usePanel(`/admin/runtimes/${runtimeId}`)
  const { data, error, refetch } = useQuery(runtimeQuery(runtimeId))
  return (
    <Panel panel={panel} title="Edit runtime" startAtTitle focusAfter="edit-runtime">
      {data ? (
        <EditForm runtime={data} onClose={panel.close} />
      ) : (
        <PanelUnread
          error={error}
          lines={6}
          back="Back to the runtime"
          onBack={panel.close}
          onRetry={() => void refetch()}
        />
      )}
    </Panel>
  )
}

function EditForm({ runtime, onClose }: { runtime: Runtime; onClose: () => void }) {
  const queryClient = useQueryClient()
  // What is not touched here stays as it is, whoever changes it meanwhile.
  const [description, setDescription] = useState<string>()
  const [touched, setTouched] = useState<ReadonlyMap<string, boolean>>(new Map())
  const providers = withTouched(runtime, touched)
  const dropped = runtime.providers.filter(({ id }) => !providers.includes(id))
  const save = useMutation({
    mutationFn: () =>
      api.updateRuntime({
        params: { id: runtime.id },
        body: {
          ...(description !== undefined && { description: description.trim() }),
          ...(touched.size > 0 && { provider_ids: providers }),
        },
      }),
    onSuccess: async (changed) => {
      queryClient.setQueryData(runtimeQuery(runtime.id).queryKey, changed)
      await queryClient.invalidateQueries({ queryKey: ['runtimes'] })
      onClose()
    },
  })
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        if (!save.isPending) save.mutate()
      }}
    >
      <PanelContent>
        <Textarea
          label="Description"
          description="What runs there, so that people know what they allow."
          maxLength={400}
          autosize
          minRows={2}
          value={description ?? runtime.description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <ProviderChoice
          value={providers}
          onChange={(ids) => setTouched(new Map([...touched, ...changes(providers, ids)]))}
        />
        {dropped.length > 0 && (
          <Message tone="warn" title="Saving ends authorizations.">
            <p>
              Git actions of {runtime.name} at {namesInOrder(dropped.map(({ name }) => name))} will
              fail for everyone who authorized them.
            </p>
          </Message>
        )}
        {save.isError && (
          <Message tone="bad" urgent>
            <p>{sentenceFor(save.error)}</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter>
        <SubmitButton pending={save.isPending}>Save</SubmitButton>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}

/** The Git hosts that a runtime has by now, and with what was ticked or not here. */
function withTouched({ providers }: Runtime, touched: ReadonlyMap<string, boolean>): string[] {
  const ids = new Set(providers.map(({ id }) => id))
  for (const [id, ticked] of touched) {
    if (ticked) ids.add(id)
    else ids.delete(id)
  }
  return [...ids]
}

/** What was ticked, or not any more. */
function changes(before: string[], after: string[]): [id: string, ticked: boolean][] {
  return [...new Set([...before, ...after])]
    .filter((id) => before.includes(id) !== after.includes(id))
    .map((id) => [id, after.includes(id)])
}
