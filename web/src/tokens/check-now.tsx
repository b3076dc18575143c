import { ActionIcon, Tooltip } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { Time } from '../parts/time.tsx'
import classes from './check-now.module.css'
import { useTokenOwner } from './token-owner.ts'
import { useCheck } from './use-check.ts'

/** When a token was last checked, and the button that checks it again. */
export function CheckNow({ access, connection }: { access: Access; connection: Connection }) {
  const { of } = useTokenOwner()
  const { checking, check } = useCheck(access, connection)
  return (
    <span className={classes.row}>
      <span>{connection.checked_at ? <Time at={connection.checked_at} /> : 'Not yet'}</span>
      <Tooltip label={checking ? 'Checking…' : 'Check now'}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={28}
          aria-label={`Check now: token ${of(access)}`}
          aria-disabled={checking || undefined}
          data-checking={checking || undefined}
          className={classes.button ?? ''}
          onClick={check}
        >
          <IconRefresh size={16} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </span>
  )
}
