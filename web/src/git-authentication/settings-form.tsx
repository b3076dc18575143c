import { Button, Checkbox, Radio, Textarea, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { RuntimeProviderSettings } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { focusFault } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { isMode, modes, useChangeSettings } from './settings.ts'
import { changeFrom, draftOf, type Faults, faultsOf } from './settings-draft.ts'
import classes from './settings-form.module.css'

/** Everything about how people authorize one runtime at one Git host. */
export function SettingsForm({
  runtime,
  settings,
  onClose,
}: {
  runtime: { id: string; name: string }
  settings: RuntimeProviderSettings
  onClose: () => void
}) {
  const { provider } = settings
  const [draft, setDraft] = useState(() => draftOf(settings))
  const [faults, setFaults] = useState<Faults>({})
  const save = useChangeSettings(runtime.id, provider.id)
  const set = (part: Partial<typeof draft>) => setDraft((old) => ({ ...old, ...part }))
  const withApp = draft.auth_mode !== 'token'

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    if (save.isPending) return
    const found = faultsOf(draft, provider)
    setFaults(found)
    if (Object.keys(found).length > 0) {
      focusFault(event.currentTarget)
      return
    }
    save.mutate(changeFrom(draft, provider), {
      onSuccess: () => {
        notify('good', 'Saved', `It holds for ${runtime.name} at ${provider.name} from now on.`)
        onClose()
      },
    })
  }

  return (
    <form onSubmit={submit} noValidate>
      <PanelContent>
        <p>
          How people authorize runtime <code>{runtime.name}</code> at {provider.name}.
        </p>
        <Radio.Group
          label="People authorize with"
          value={draft.auth_mode}
          onChange={(value) => isMode(value) && set({ auth_mode: value })}
        >
          {Object.entries(modes).map(([value, label]) => (
            <Radio key={value} value={value} label={label} mt={8} />
          ))}
        </Radio.Group>
        {withApp && (
          <Radio.Group
            label="Scopes asked for"
            value={draft.scopes}
            onChange={(value) => set({ scopes: value === 'own' ? 'own' : 'usual' })}
          >
            <Radio value="usual" label={`The usual ones for ${provider.name}`} mt={8} />
            <Radio value="own" label="This runtime's own list" mt={8} />
            {draft.scopes === 'own' && (
              <Textarea
                className={classes.more ?? ''}
                classNames={{ input: classes.scopes ?? '' }}
                aria-label="Own list of scopes"
                description="By the names that the Git host gives them, with spaces between."
                autosize
                minRows={2}
                spellCheck={false}
                autoCapitalize="off"
                value={draft.own_scopes}
                error={faults.own_scopes}
                onChange={(event) => set({ own_scopes: event.currentTarget.value })}
              />
            )}
          </Radio.Group>
        )}
        <Radio.Group
          label="An authorization lives"
          description="A new limit holds for what was authorized before, too, from the day it was."
          value={draft.age}
          onChange={(value) => set({ age: value === 'limited' ? 'limited' : 'unlimited' })}
        >
          <Radio value="unlimited" label="Without limit" mt={8} />
          <Radio value="limited" label="For some days; then people authorize again" mt={8} />
          {draft.age === 'limited' && (
            <TextInput
              className={classes.more ?? ''}
              aria-label="Days an authorization lives"
              inputMode="numeric"
              classNames={{ wrapper: classes.days ?? '' }}
              maxLength={4}
              rightSection={<span className={classes.unit}>days</span>}
              rightSectionWidth={52}
              value={draft.max_age_days}
              error={faults.max_age_days}
              onChange={(event) => set({ max_age_days: event.currentTarget.value })}
            />
          )}
        </Radio.Group>
        <div className={classes.checks}>
          {withApp && (
            <Checkbox
              label="Tokens may be pasted too"
              description="For people who cannot sign in at the Git host from here."
              checked={draft.token_allowed}
              onChange={(event) => set({ token_allowed: event.currentTarget.checked })}
            />
          )}
          <Checkbox
            label="Accept tokens that cannot be inspected"
            description="Skips validation of fine-grained and custom ones that are not tried on a repository. They are marked “Not verified”."
            checked={draft.skip_validation}
            onChange={(event) => set({ skip_validation: event.currentTarget.checked })}
          />
        </div>
        <TextInput
          label="Try tokens on a repository (optional)"
          description="Fine-grained and custom tokens do not show what they may do. Name a repository that everybody here works with: such a token is taken when it can read and write there. Nothing is changed in it."
          placeholder="acme/app"
          maxLength={400}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={draft.probe_repository}
          error={faults.probe_repository}
          onChange={(event) => set({ probe_repository: event.currentTarget.value })}
        />
        <TextInput
          label="Warn people this many days before the end"
          inputMode="numeric"
          classNames={{ wrapper: classes.days ?? '' }}
          maxLength={2}
          rightSection={<span className={classes.unit}>days</span>}
          rightSectionWidth={52}
          value={draft.warning_days}
          error={faults.warning_days}
          onChange={(event) => set({ warning_days: event.currentTarget.value })}
        />
        {save.isError && (
          <Message tone="bad" urgent>
            <p>{sentenceFor(save.error)} Nothing was changed.</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter note="What people authorized before goes on working with its scopes.">
        <SubmitButton pending={save.isPending}>Save</SubmitButton>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}
