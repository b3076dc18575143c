import type { Access } from '../../../src/contract/connections.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import { StatusBadge } from '../parts/status-badge.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { accessKey, actionWord, needsCare } from './access.ts'
import classes from './attention.module.css'
import { useHideNotice } from './use-hide-notice.ts'

const NAMED = 5

/** Names what needs its owner, each with the button that puts it right, and one that hides it. */
export function Attention({ rows }: { rows: Access[] }) {
  const troubled = rows.filter(needsCare)
  if (troubled.length === 0) return null
  const rest = troubled.length - NAMED
  return (
    <section className={classes.attention} aria-label="Needs your attention">
      <Message
        tone="warn"
        title={
          troubled.length === 1
            ? 'One authorization needs you'
            : `${troubled.length} authorizations need you`
        }
      >
        <p>Git actions there fail, or will soon. All others go on working.</p>
        <ul className={classes.rows}>
          {troubled.slice(0, NAMED).map((access) => (
            <Row key={accessKey(access)} access={access} />
          ))}
        </ul>
        {rest > 0 && <p className={classes.rest}>And {rest} more below.</p>}
      </Message>
    </section>
  )
}

function Row({ access }: { access: Access }) {
  const { runtime, provider, authorization } = access
  const hide = useHideNotice(access)
  if (!authorization) return null
  const { status, reason } = authorization.connection
  const name = `${runtime.name} at ${provider.name}`
  return (
    <li className={classes.row}>
      <span className={classes.what}>
        <strong>
          {runtime.name} · {provider.name}
        </strong>
        <StatusBadge status={status} reason={reason} />
      </span>
      <span className={classes.buttons}>
        <LinkButton
          size="xs"
          to="/tokens/$runtimeId/$providerId"
          params={{ runtimeId: runtime.id, providerId: provider.id }}
          search={true}
          aria-label={`${actionWord(access)}: ${name}`}
        >
          {actionWord(access)}
        </LinkButton>
        <SubmitButton
          type="button"
          variant="subtle"
          color="gray"
          size="xs"
          aria-label={`Hide: ${name}`}
          pending={hide.isPending}
          onClick={() => {
            if (!hide.isPending) hide.mutate()
          }}
        >
          Hide
        </SubmitButton>
      </span>
    </li>
  )
}
