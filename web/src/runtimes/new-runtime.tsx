import { Button, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../app/api.ts'
import { sortProblem } from '../app/problem.ts'
import { focusFault, showFaults } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { KeyDialog } from './key-dialog.tsx'
import { ProviderChoice } from './provider-choice.tsx'

const fields = ['name', 'description', 'provider_ids']

/** Registers a runtime; its key is shown once, afterwards. */
export function NewRuntime() {
  const panel = usePanel('/admin/runtimes')
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [problem, setProblem] = useState<string>()
  const form = useForm({
    initialValues: { name: '', description: '', provider_ids: [] as string[] },
    validate: {
      name: (name) =>
        /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(name)
          ? null
          : 'A name has small letters, digits, dots, dashes and underscores, and starts and ends with a letter or digit.',
    },
  })
  const create = useMutation({
    mutationFn: ({ name, description, provider_ids }: typeof form.values) =>
      api.createRuntime({ body: { name, description: description.trim(), provider_ids } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['runtimes'] }),
    onError: (error) => {
      const sorted = sortProblem(error, { 'name-taken': 'name' }, fields)
      showFaults(() => form.setErrors(sorted.fields))
      setProblem(sorted.form)
    },
  })
  if (create.data) {
    const { runtime, key } = create.data
    return (
      <KeyDialog
        runtime={runtime.name}
        secret={key}
        onClose={() =>
          navigate({
            to: '/admin/runtimes/$runtimeId',
            params: { runtimeId: runtime.id },
            replace: true,
          })
        }
      />
    )
  }
  return (
    <Panel panel={panel} title="Register runtime" focusAfter="register-runtime">
      <form
        noValidate
        onSubmit={form.onSubmit(
          (values) => {
            setProblem(undefined)
            if (!create.isPending) create.mutate(values)
          },
          () => focusFault(),
        )}
      >
        <PanelContent>
          <TextInput
            {...form.getInputProps('name')}
            label="Name"
            description="People see it in their list and in messages of Git: ci, workspaces, agents-eu."
            maxLength={63}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            data-autofocus
          />
          <Textarea
            {...form.getInputProps('description')}
            label="Description (optional)"
            description="What runs there, so that people know what they allow."
            maxLength={400}
            autosize
            minRows={2}
          />
          <ProviderChoice
            value={form.values.provider_ids}
            onChange={(ids) => form.setFieldValue('provider_ids', ids)}
          />
          {problem && (
            <Message tone="bad" urgent>
              <p>{problem}</p>
            </Message>
          )}
        </PanelContent>
        <PanelFooter note="Next you get the runtime's key. It is shown once.">
          <SubmitButton pending={create.isPending}>Register runtime</SubmitButton>
          <Button variant="default" onClick={panel.close}>
            Cancel
          </Button>
        </PanelFooter>
      </form>
    </Panel>
  )
}
