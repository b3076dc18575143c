import { Button } from '@mantine/core'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import { usePerson } from '../app/session.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import classes from './app-missing.module.css'

/** Says that nobody can authorize here yet, and whom to ask. */
export function AppMissing({ access }: { access: AccessDetail }) {
  const { provider, runtime, administrators, token_allowed } = access
  const { role } = usePerson()
  return (
    <Message
      tone="warn"
      title="Git app not registered"
      action={
        <div className={classes.buttons}>
          <Button disabled>Authorize access to {provider.name}</Button>
          {role === 'admin' && (
            <LinkButton
              variant="default"
              to="/admin/runtimes/$runtimeId"
              params={{ runtimeId: runtime.id }}
              hash="git-authentication"
            >
              Register app
            </LinkButton>
          )}
        </div>
      }
    >
      <p>
        Access to {provider.name} cannot be authorized yet: no OAuth app is registered for it.
        {token_allowed && ' Until then, a token can be pasted below.'}
      </p>
      {role === 'admin' ? (
        <p>You are an administrator: you can register it.</p>
      ) : (
        <Ask administrators={administrators} subject={`Git app for ${provider.name}`} />
      )}
    </Message>
  )
}

function Ask({
  administrators,
  subject,
}: {
  administrators: AccessDetail['administrators']
  subject: string
}) {
  if (administrators.length === 0) return <p>Ask an administrator to register it.</p>
  return (
    <>
      <p>Ask an administrator to register it:</p>
      <ul className={classes.people}>
        {administrators.map(({ name, email }) => (
          <li key={email}>
            {name}, <a href={`mailto:${email}?subject=${encodeURIComponent(subject)}`}>{email}</a>
          </li>
        ))}
      </ul>
    </>
  )
}
