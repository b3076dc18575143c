import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { RuntimeProviderSettings as Settings } from '../../../src/contract/connections.ts'
import type { Runtime } from '../../../src/contract/resources.ts'
import { wholeList } from '../app/paging.ts'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { Section } from '../parts/section.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { shortAddress } from '../providers/address.ts'
import { count } from '../runtimes/runtimes.ts'
import { appButtonId, settingsButtonId } from './ids.ts'
import { NotRegistered } from './not-registered.tsx'
import classes from './runtime-authentication.module.css'
import { isMode, modes, settingsQuery, useIsChanging, useMode } from './settings.ts'

/** How people authorize a runtime, for each Git host that it uses. */
export function RuntimeAuthentication({ runtime }: { runtime: Runtime }) {
  const list = wholeList(useQuery(settingsQuery(runtime.id)))
  return (
    <div id="git-authentication" className={classes.anchor}>
      <Section title="Git authentication">
        <DataList
          label={`How people authorize ${runtime.name}`}
          list={list}
          columns={columnsFor(runtime)}
          keyOf={({ provider }) => provider.id}
          empty={
            <p className={classes.quiet}>
              This runtime uses no Git host yet: choose some with Edit runtime.
            </p>
          }
        />
      </Section>
    </div>
  )
}

function columnsFor(runtime: Runtime): Column<Settings>[] {
  return [
    {
      header: 'Git host',
      place: 'title',
      width: '20%',
      cell: ({ provider }) => (
        <TwoLines first={provider.name} second={shortAddress(provider.base_url)} />
      ),
    },
    {
      header: 'People authorize with',
      width: '14rem',
      cell: (settings) => <ModeChoice runtime={runtime} settings={settings} />,
    },
    { header: 'App', width: '24%', cell: (settings) => <App runtime={runtime} {...settings} /> },
    { header: 'Limits', cell: (settings) => limitsInWords(settings) },
    {
      header: 'Actions',
      place: 'actions',
      width: '7rem',
      cell: ({ provider }) => (
        <LinkButton
          id={settingsButtonId(provider.id)}
          size="xs"
          variant="default"
          to="/admin/runtimes/$runtimeId/git/$providerId"
          params={{ runtimeId: runtime.id, providerId: provider.id }}
          aria-label={`Settings for ${provider.name}`}
        >
          Settings
        </LinkButton>
      ),
    },
  ]
}

function ModeChoice({ runtime, settings }: { runtime: Runtime; settings: Settings }) {
  const { mode, choose } = useMode(runtime.id, settings)
  return (
    <NativeSelect
      size="xs"
      aria-label={`How people authorize ${runtime.name} at ${settings.provider.name}`}
      data={Object.entries(modes).map(([value, label]) => ({ value, label }))}
      value={mode}
      onChange={({ currentTarget: { value } }) => {
        if (isMode(value)) choose(value)
      }}
    />
  )
}

/** The app of the way that is so. While another is chosen there is none to follow: it may not be this one's. */
function App({ runtime, provider, auth_mode, client_registered }: Settings & { runtime: Runtime }) {
  const isChanging = useIsChanging(runtime.id, provider.id)
  if (isChanging) return <SkeletonLine />
  if (auth_mode === 'token') return <span className={classes.quiet}>None needed</span>
  const link = {
    id: appButtonId(provider.id),
    size: 'compact-xs',
    variant: client_registered ? 'default' : 'filled',
    'aria-label': `${client_registered ? 'Manage' : 'Register'} app at ${provider.name}`,
    children: client_registered ? 'Manage' : 'Register app',
  } as const
  return (
    <span className={classes.app}>
      {client_registered ? 'Registered' : <NotRegistered />}
      {auth_mode === 'custom_client' ? (
        <LinkButton
          {...link}
          to="/admin/runtimes/$runtimeId/git/$providerId/app"
          params={{ runtimeId: runtime.id, providerId: provider.id }}
        />
      ) : (
        <LinkButton
          {...link}
          to="/admin/git-authentication/$providerId"
          params={{ providerId: provider.id }}
        />
      )}
    </span>
  )
}

function limitsInWords(settings: Settings): string {
  const { auth_mode, scopes, max_age_days, token_allowed, skip_validation } = settings
  const { probe_repository } = settings
  const words = [
    auth_mode === 'token' ? undefined : scopes ? count(scopes.length, 'own scope') : 'Usual scopes',
    max_age_days === null ? 'no time limit' : `ends after ${count(max_age_days, 'day')}`,
    auth_mode !== 'token' && token_allowed ? 'tokens too' : undefined,
    probe_repository === null ? undefined : `tried on ${probe_repository}`,
    skip_validation ? 'unverified tokens too' : undefined,
  ]
  const text = words.filter((word) => word !== undefined).join(', ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
