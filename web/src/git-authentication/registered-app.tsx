import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import { CopyField } from '../parts/copy-field.tsx'
import { OutsideLink } from '../parts/outside-link.tsx'
import { PanelContent, PanelFooter } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Time } from '../parts/time.tsx'
import classes from './app-form.module.css'
import { type AppFormProps, usersInWords } from './clients.ts'
import { RemoveApp } from './remove-app.tsx'
import { TestOutcome } from './test-outcome.tsx'
import { useTest } from './use-test.ts'

/** What is known of an app, its test, and the ways to change it. */
export function RegisteredApp({
  form,
  place,
  client,
  provider,
  runtime,
  onReplace,
}: AppFormProps & { client: OAuthClient; onReplace: () => void }) {
  const [removing, setRemoving] = useState(false)
  const { testing, start } = useTest(client)
  return (
    <>
      <PanelContent>
        <p>
          {runtime ? (
            <>
              People authorize runtime <code>{runtime}</code> at {provider} with this app, if “This
              runtime's own app” is chosen for it.
            </>
          ) : (
            <>
              People authorize with this app on every runtime for which “Default app” is chosen.
              Choose it on the{' '}
              <Link to="/admin/git-authentication" hash="runtimes">
                page of each runtime
              </Link>
              .
            </>
          )}
        </p>
        <dl className={classes.facts}>
          <div>
            <dt>Client ID</dt>
            <dd>
              <code>{client.client_id}</code>
            </dd>
          </div>
          <div>
            <dt>Client secret</dt>
            <dd>
              {client.public_client
                ? 'None: this is a public client, known by its id alone.'
                : 'Sealed. It is never shown again.'}
            </dd>
          </div>
          <div>
            <dt>Registered</dt>
            <dd>
              <Time at={client.created_at} />
              {client.updated_at !== client.created_at && (
                <>
                  , replaced <Time at={client.updated_at} />
                </>
              )}
            </dd>
          </div>
          <div>
            <dt>Used by</dt>
            <dd>{usersInWords(form.used_by) ?? 'Nobody yet'}</dd>
          </div>
          <div>
            <dt>Last test</dt>
            <dd>
              <TestOutcome test={client.test} />
            </dd>
          </div>
        </dl>
        <CopyField
          label="Callback address"
          text={form.callback_url}
          description={`It must stand in the app at ${provider}, to the letter.`}
        />
        <p className={classes.ways}>
          <OutsideLink href={form.registration_page}>Apps at {provider}</OutsideLink>
          <Button
            variant="subtle"
            color="red"
            size="compact-sm"
            id="remove-app"
            onClick={() => setRemoving(true)}
          >
            Remove app
          </Button>
        </p>
      </PanelContent>
      <PanelFooter note="A test asks the Git host, as far as it lets anyone ask without a person.">
        <SubmitButton type="button" pending={testing} onClick={start}>
          Test
        </SubmitButton>
        <Button variant="default" onClick={onReplace}>
          Replace id and secret
        </Button>
      </PanelFooter>
      {removing && <RemoveApp client={client} place={place} onClose={() => setRemoving(false)} />}
    </>
  )
}
