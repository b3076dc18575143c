import type { OAuthClient } from '../../../src/contract/connections.ts'
import type { Provider } from '../../../src/contract/resources.ts'
import type { Column } from '../parts/column.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { shortAddress } from '../providers/address.ts'
import { kinds } from '../providers/kinds.ts'
import classes from './app-columns.module.css'
import { appButtonId } from './ids.ts'
import { NotRegistered } from './not-registered.tsx'
import { TestOutcome } from './test-outcome.tsx'
import { useTest } from './use-test.ts'

/**
 * The columns of Git hosts with their default apps.
 *
 * @param clients all apps; undefined while they are on their way
 */
export function appColumns(clients: OAuthClient[] | undefined): Column<Provider>[] {
  const defaultOf = ({ id }: Provider) =>
    clients?.find(({ provider, runtime }) => provider.id === id && runtime === null)
  return [
    {
      header: 'Git host',
      place: 'title',
      width: '18%',
      cell: ({ name, base_url }) => <TwoLines first={name} second={shortAddress(base_url)} />,
    },
    { header: 'Kind', width: '11%', cell: ({ kind }) => kinds[kind] },
    {
      header: 'Default app',
      width: '23%',
      cell: (provider) => {
        if (!clients) return <SkeletonLine lines={2} />
        const client = defaultOf(provider)
        return client ? <App client={client} /> : <NotRegistered calm />
      },
    },
    {
      header: 'Last test',
      cell: (provider) => {
        const client = defaultOf(provider)
        return client ? <TestOutcome test={client.test} /> : null
      },
    },
    {
      header: 'Actions',
      place: 'actions',
      width: '11rem',
      cell: (provider) => (
        <Actions provider={provider} client={defaultOf(provider)} known={clients !== undefined} />
      ),
    },
  ]
}

function App({ client }: { client: OAuthClient }) {
  return (
    <TwoLines
      first={<code className={classes.id}>{client.client_id}</code>}
      second={
        <>
          Registered <Time at={client.created_at} />
        </>
      }
    />
  )
}

function Actions({
  provider,
  client,
  known,
}: {
  provider: Provider
  client: OAuthClient | undefined
  known: boolean
}) {
  const link = {
    id: appButtonId(provider.id),
    size: 'xs',
    to: '/admin/git-authentication/$providerId',
    params: { providerId: provider.id },
    search: true,
  } as const
  return (
    <span className={classes.actions} data-known={known || undefined}>
      {client && <Test client={client} />}
      {client ? (
        <LinkButton {...link} variant="default" aria-label={`Manage app at ${provider.name}`}>
          Manage
        </LinkButton>
      ) : (
        <LinkButton {...link} variant="light" aria-label={`Register app at ${provider.name}`}>
          Register app
        </LinkButton>
      )}
    </span>
  )
}

function Test({ client }: { client: OAuthClient }) {
  const { testing, start } = useTest(client)
  return (
    <SubmitButton
      type="button"
      size="xs"
      variant="default"
      aria-label={`Test app at ${client.provider.name}`}
      pending={testing}
      onClick={start}
    >
      Test
    </SubmitButton>
  )
}
