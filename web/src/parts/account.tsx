import type { Account } from '../../../src/contract/connections.ts'
import { Avatar } from './avatar.tsx'
import { TwoLines } from './two-lines.tsx'

/** The account at a Git host that a token belongs to. */
export function AccountChip({ account }: { account: Account }) {
  const named = account.name !== '' && account.name !== account.login
  return (
    <TwoLines
      icon={<Avatar name={account.name || account.login} url={account.avatar_url} />}
      first={account.login}
      second={named ? account.name : undefined}
    />
  )
}
