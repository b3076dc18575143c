import { Button } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { Access } from '../../../src/contract/connections.ts'
import { sentenceFor } from '../app/problem.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import { StatusBadge } from '../parts/status-badge.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { accessKey, actionWord, hideButtonId } from './access.ts'
import classes from './attention.module.css'
import type { InNeed } from './in-need.ts'
import { RuntimesInNeed } from './runtimes-in-need.tsx'
import { useNoticeHidden } from './use-notice-hidden.ts'

const NAMED = 5

/** Names what needs its owner, each with the button that puts it right, and one that hides it. */
export function Attention({ inNeed }: { inNeed: InNeed }) {
  const { rows, runtimes, error, retry } = inNeed
  if (rows.length === 0 && runtimes.items.length === 0 && !error) return null
  return (
    <section className={classes.attention} aria-label="Needs your attention">
      {error && (
        <Message
          tone="bad"
          urgent
          title="What needs you could not be read."
          action={<Button onClick={retry}>Try again</Button>}
        >
          <p>The list below is as it is. {sentenceFor(error)}</p>
        </Message>
      )}
      {rows.length > 0 && <Rows inNeed={inNeed} />}
      {runtimes.items.length > 0 && <RuntimesInNeed {...runtimes} />}
    </section>
  )
}

function Rows({ inNeed: { rows, more } }: { inNeed: InNeed }) {
  const [all, setAll] = useState(false)
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => {
    // The button that had the focus is gone: on to the first row that it brought.
    if (all) list.current?.children[NAMED]?.querySelector('a')?.focus()
  }, [all])
  const rest = all ? 0 : rows.length - NAMED
  const count = `${more ? 'More than ' : ''}${rows.length}`
  return (
    <Message
      tone="warn"
      title={
        rows.length === 1 && !more
          ? 'One authorization needs you'
          : `${count} authorizations need you`
      }
    >
      <p>Git actions there fail, or will soon. All others go on working.</p>
      <ul ref={list} className={classes.rows}>
        {rows.slice(0, all ? rows.length : NAMED).map((access, index) => (
          <Row key={accessKey(access)} access={access} next={rows[index + 1] ?? rows[index - 1]} />
        ))}
      </ul>
      {rest > 0 && (
        <Button variant="subtle" color="gray" size="xs" onClick={() => setAll(true)}>
          Show {rest} more
        </Button>
      )}
    </Message>
  )
}

function Row({ access, next }: { access: Access; next: Access | undefined }) {
  const { runtime, provider, authorization } = access
  const hide = useNoticeHidden(access, next && hideButtonId(next))
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
          id={hideButtonId(access)}
          type="button"
          variant="subtle"
          color="gray"
          size="xs"
          aria-label={`Hide: ${name}`}
          pending={hide.isPending}
          onClick={() => {
            if (!hide.isPending) hide.mutate(true)
          }}
        >
          Hide
        </SubmitButton>
      </span>
    </li>
  )
}
