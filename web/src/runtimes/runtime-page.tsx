import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { useState } from 'react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { RuntimeAuthentication } from '../git-authentication/runtime-authentication.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { Section } from '../parts/section.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { Arrival } from '../tokens/arrival.tsx'
import { TakeOver } from '../tokens/left-behind.tsx'
import { TokenOwnerContext } from '../tokens/token-owner.ts'
import { AgentSeen } from './agent-seen.tsx'
import { runtimeItself } from './own-token.ts'
import { OwnTokens } from './own-tokens.tsx'
import { RemoveRuntime } from './remove-runtime.tsx'
import { RuntimeKeys } from './runtime-keys.tsx'
import classes from './runtime-page.module.css'
import { count, runtimeQuery } from './runtimes.ts'

const route = getRouteApi('/signed-in/admin/runtimes/$runtimeId')

export function RuntimePage() {
  const { runtimeId } = route.useParams()
  const { problem } = route.useSearch()
  const navigate = route.useNavigate()
  const { data, error, refetch } = useQuery(runtimeQuery(runtimeId))
  return (
    <>
      <p className={classes.back}>
        <Link to="/admin/runtimes">Runtimes</Link>
      </p>
      <Arrival problem={problem} onDismiss={() => navigate({ search: {}, replace: true })} />
      {data && <RuntimeDetail runtime={data} />}
      {!data && !error && (
        <>
          <PageHeader title="Runtime" />
          <SkeletonLine lines={8} />
        </>
      )}
      {!data && error && <RuntimeUnread error={error} onRetry={() => void refetch()} />}
      <TokenOwnerContext value={runtimeItself}>
        <TakeOver>
          <Outlet />
        </TakeOver>
      </TokenOwnerContext>
    </>
  )
}

function RuntimeUnread({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const gone = isProblem(error, 'not-found')
  return (
    <>
      <PageHeader title={gone ? 'There is no such runtime' : 'This runtime could not be read'} />
      <Message
        tone={gone ? 'info' : 'bad'}
        urgent
        action={
          gone ? (
            <LinkButton to="/admin/runtimes" variant="default">
              Back to all runtimes
            </LinkButton>
          ) : (
            <Button onClick={onRetry}>Try again</Button>
          )
        }
      >
        <p>{sentenceFor(error)}</p>
      </Message>
    </>
  )
}

function RuntimeDetail({ runtime }: { runtime: Runtime }) {
  const [removing, setRemoving] = useState(false)
  return (
    <>
      <PageHeader title={runtime.name} lead={runtime.description}>
        <LinkButton
          id="edit-runtime"
          variant="default"
          to="/admin/runtimes/$runtimeId/edit"
          params={{ runtimeId: runtime.id }}
        >
          Edit runtime
        </LinkButton>
      </PageHeader>
      <div className={classes.sections}>
        <div className={classes.facts}>
          <Section title="Agent">
            <AgentSeen agent={runtime.agent} />
            {!runtime.agent && (
              <p className={classes.quiet}>
                Start one beside the workloads, with a key from below.
              </p>
            )}
          </Section>
          <Section title="Authorizations">
            <p>{count(runtime.authorizations, 'authorization')}</p>
            <p className={classes.quiet}>Each was given by the person it acts for.</p>
          </Section>
        </div>
        <RuntimeAuthentication runtime={runtime} />
        <OwnTokens runtime={runtime} />
        <RuntimeKeys runtime={runtime} />
        <Section title="Remove this runtime">
          <p className={classes.quiet}>
            Its keys stop working at once, all its authorizations end, and its own tokens are
            destroyed.
          </p>
          <Button
            id="remove-runtime"
            className={classes.remove ?? ''}
            color="red"
            variant="outline"
            onClick={() => setRemoving(true)}
          >
            Remove runtime
          </Button>
        </Section>
      </div>
      {removing && <RemoveRuntime runtime={runtime} onClose={() => setRemoving(false)} />}
    </>
  )
}
