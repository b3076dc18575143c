import { ActionIcon, type ButtonVariant, Tooltip } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import type { Access, Authorization } from '../../../src/contract/connections.ts'
import { AccountChip } from '../parts/account.tsx'
import type { Column } from '../parts/column.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Scopes } from '../parts/scopes.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { shortAddress } from '../providers/address.ts'
import { actionWord, isTroubled, panelButtonId } from './access.ts'
import { CheckNow } from './check-now.tsx'
import classes from './columns.module.css'
import { useTokenOwner } from './token-owner.ts'
import { TokenStatus } from './token-status.tsx'

/** The columns of *Git Personal Access Tokens*. `onDelete` asks before it deletes. */
export function tokenColumns(onDelete: (access: Access) => void): Column<Access>[] {
  return [
    {
      header: 'Runtime',
      place: 'title',
      width: '13%',
      cell: ({ runtime }) => <TwoLines first={runtime.name} second={runtime.description} brief />,
    },
    { ...hostColumn, width: '12%' },
    ...stateColumns,
    {
      header: 'Actions',
      place: 'actions',
      width: '11.5rem',
      cell: (access) => <Actions access={access} onDelete={() => onDelete(access)} />,
    },
  ]
}

/** The columns of a runtime's own tokens. `onDelete` asks before it deletes. */
export function ownTokenColumns(onDelete: (access: Access) => void): Column<Access>[] {
  return [
    { ...hostColumn, place: 'title', width: '15%' },
    ...stateColumns,
    {
      header: 'Actions',
      place: 'actions',
      width: '11.75rem',
      cell: (access) => <Actions own access={access} onDelete={() => onDelete(access)} />,
    },
  ]
}

const hostColumn: Column<Access> = {
  header: 'Git host',
  cell: ({ provider }) => (
    <TwoLines first={provider.name} second={shortAddress(provider.base_url)} />
  ),
}

/** How the token of a row is. */
const stateColumns: Column<Access>[] = [
  {
    header: 'Account',
    width: '14.5%',
    cell: ({ authorization }) =>
      authorization ? <AccountChip account={authorization.connection.account} /> : null,
  },
  { header: 'Status', cell: (access) => <TokenStatus access={access} /> },
  {
    header: 'Scopes',
    width: '9.5rem',
    cell: ({ authorization }) =>
      authorization ? (
        <Scopes
          scopes={authorization.connection.scopes}
          tried_on={authorization.connection.probed_repository}
        />
      ) : null,
  },
  {
    header: 'Expires',
    width: '6.25rem',
    cell: ({ authorization }) => (authorization ? <Expiry authorization={authorization} /> : null),
  },
  {
    header: 'Last checked',
    width: '8rem',
    cell: (access) =>
      access.authorization ? (
        <CheckNow access={access} connection={access.authorization.connection} />
      ) : null,
  },
]

/** The end that comes first: the token's own, or the limit that an administrator set. */
function Expiry({ authorization: { connection, expires_at } }: { authorization: Authorization }) {
  const [first] = [connection.expires_at, expires_at].filter((at) => at !== null).sort()
  if (first === undefined) return <span className={classes.quiet}>Not known</span>
  return (
    <>
      <Time at={first} />
      {first === expires_at && <p className={classes.quiet}>by a limit</p>}
    </>
  )
}

/** What waits for the person stands out, and a runtime may well do without a token of its own. */
function emphasis(access: Access, own: boolean): ButtonVariant {
  if (own) return isTroubled(access) ? 'filled' : 'default'
  return access.authorization === null ? 'light' : 'default'
}

function Actions({
  access,
  own = false,
  onDelete,
}: {
  access: Access
  /** The token is the runtime's own. */
  own?: boolean
  onDelete: () => void
}) {
  const { runtime, provider, authorization } = access
  const of = useTokenOwner().of(access)
  const word = actionWord(access)
  return (
    <span className={classes.actions}>
      <LinkButton
        id={panelButtonId(runtime.id, provider.id)}
        size="xs"
        variant={emphasis(access, own)}
        {...(own
          ? { to: '/admin/runtimes/$runtimeId/token/$providerId' }
          : { to: '/tokens/$runtimeId/$providerId', search: true })}
        params={{ runtimeId: runtime.id, providerId: provider.id }}
        aria-label={`${word} ${of}`}
      >
        {word}
      </LinkButton>
      {authorization && (
        <Tooltip label="Delete">
          <ActionIcon
            variant="subtle"
            color="gray"
            size={30}
            aria-label={`Delete ${authorization.connection.method === 'oauth' ? 'authorization' : 'token'} ${of}`}
            onClick={onDelete}
          >
            <IconTrash size={17} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
    </span>
  )
}
