import { announce } from '../events/change.ts'
import type { Trx } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'

/** Tells of a change of a token: its owner, or administrators where it is a runtime's own. */
export async function announceToken(
  trx: Trx,
  { id, owner_id, owner_kind }: { id: string; owner_id: string; owner_kind: OwnerKind },
): Promise<void> {
  await announce(
    trx,
    owner_kind === 'person'
      ? { name: 'access', owner_id, id }
      : { name: 'runtime_token', owner_id: null, id },
  )
}
