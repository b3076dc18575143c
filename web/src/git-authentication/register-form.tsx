import { Button, Checkbox, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../app/api.ts'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { canSeal, seal } from '../app/seal.ts'
import { CopyField } from '../parts/copy-field.tsx'
import { focusFault } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { OutsideButton } from '../parts/outside-link.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { ScopeReasons } from '../parts/scopes.tsx'
import { CannotSeal, SealNote } from '../parts/seal-note.tsx'
import { SecretField } from '../parts/secret-field.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { AnotherApp } from './another-app.tsx'
import classes from './app-form.module.css'
import { type AppFormProps, type AppPlace, type ClientForm, clientFormQuery } from './clients.ts'

/** What to do at the Git host, and what to bring back from there. */
export function RegisterForm({
  form,
  place,
  provider,
  runtime,
  panel,
  onSaved,
}: AppFormProps & { onSaved: () => void }) {
  const { client } = form
  const [clientId, setClientId] = useState(client?.client_id ?? '')
  const [isPublic, setPublic] = useState(client?.public_client ?? false)
  const [secret, setSecret] = useState('')
  const [faults, setFaults] = useState<Faults>({})
  const save = useSave(form, place, () => {
    setSecret('')
    onSaved()
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    if (save.isPending) return
    const id = clientId.trim()
    const found = faultsOf(id, isPublic ? null : secret.trim())
    setFaults(found)
    if (Object.keys(found).length > 0) focusFault(event.currentTarget)
    else save.mutate({ client_id: id, secret: isPublic ? null : secret.trim() })
  }

  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <PanelContent>
        <p>
          {runtime ? (
            <>
              Only people who authorize runtime <code>{runtime}</code> use this app.
            </>
          ) : (
            'With an app of your own, people authorize access there and no token is pasted.'
          )}
          {client &&
            ' With another secret of the same app, what people authorized goes on working.'}
        </p>
        {!isPublic && !canSeal() && <CannotSeal what="a client secret" />}
        <section className={classes.step} aria-labelledby="app-there">
          <h3 id="app-there" className={classes.heading}>
            1. Register an app at {provider}
          </h3>
          <p>
            <OutsideButton href={form.registration_page}>Apps at {provider}</OutsideButton>
          </p>
          <CopyField
            label="Callback address"
            text={form.callback_url}
            description="Enter it there to the letter; some hosts call it redirect URI."
          />
          <div>
            <h4 className={classes.heading}>Scopes that are needed</h4>
            <ScopeReasons scopes={form.scopes} />
          </div>
        </section>
        <section className={classes.step} aria-labelledby="app-here">
          <h3 id="app-here" className={classes.heading}>
            2. Bring back what it gives you
          </h3>
          <TextInput
            label="Client ID"
            value={clientId}
            error={faults.client_id}
            maxLength={400}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            onChange={(event) => setClientId(event.currentTarget.value)}
          />
          <AnotherApp form={form} provider={provider} typed={clientId.trim()} />
          {form.public_clients && (
            <Checkbox
              label="This app has no secret (public client)"
              description={`${provider} then knows it by its id alone, so choose this only for an app that is registered there as a public one.`}
              checked={isPublic}
              onChange={(event) => setPublic(event.currentTarget.checked)}
            />
          )}
          {!isPublic && (
            <SecretField
              label="Client secret"
              description="Never shown again. You can replace it at any time."
              value={secret}
              error={faults.secret}
              maxLength={4096}
              onChange={(event) => setSecret(event.currentTarget.value)}
            />
          )}
        </section>
        {save.isError && (
          <Message tone="bad" urgent>
            <p>{sentenceFor(save.error)} Nothing was changed.</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter note={!isPublic && <SealNote />}>
        <SubmitButton pending={save.isPending} disabled={!isPublic && !canSeal()}>
          {client ? 'Replace id and secret' : 'Register app'}
        </SubmitButton>
        <Button variant="default" onClick={client ? onSaved : panel.close}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}

interface Faults {
  client_id?: string
  secret?: string
}

/** @param secret null: the app has none */
function faultsOf(client_id: string, secret: string | null): Faults {
  return {
    ...(!/^[\x21-\x7e]+$/.test(client_id) && {
      client_id: 'Copy the client ID from the page of the app: one word without spaces.',
    }),
    ...(secret === '' && { secret: 'Copy the client secret from the page of the app.' }),
  }
}

/** Seals the secret here, if there is one, and registers the app. */
function useSave(form: ClientForm, place: AppPlace, onSaved: () => void) {
  const queryClient = useQueryClient()
  const { queryKey } = clientFormQuery(place)
  return useMutation({
    mutationFn: async ({ client_id, secret }: { client_id: string; secret: string | null }) => {
      const { id, vault_key } = form
      if (secret === null) {
        return api.putClient({ body: { id, ...place, client_id, public_client: true } })
      }
      const address = {
        purpose: 'client_secret',
        row_id: id,
        owner_id: 'client',
        provider_id: place.provider_id,
      } as const
      const client_secret_box = await seal(vault_key, address, secret)
      return api.putClient({ body: { id, ...place, client_id, client_secret_box } })
    },
    onSuccess: async (client) => {
      queryClient.setQueryData(queryKey, (old) => old && { ...old, client })
      await queryClient.invalidateQueries({ queryKey: ['clients'] })
      notify('good', form.client ? 'App replaced' : 'App registered', 'Test it before it is used.')
      onSaved()
    },
    onError: (error) => {
      // The vault has a new key, or somebody was quicker: the next try goes by what is there now.
      if (isProblem(error, 'vault-key-unknown') || isProblem(error, 'client-exists')) {
        void queryClient.invalidateQueries({ queryKey })
      }
    },
  })
}
