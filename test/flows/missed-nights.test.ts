import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

test('what is done at night is made up for at a later start, and keeps who is signed in', async () => {
  await using countersign = await startCountersign({ vaults: 0 })
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-nights-'))
  const { admin, database } = countersign
  const startVault = () =>
    startVaultProcess({
      database_url: database.url,
      data_folder: folder.path,
      vault_key: countersign.vault_key,
      page_url: countersign.page_url,
    })
  {
    await using _ = await startVault()
    await until('a plan for the nights', async () => {
      const { rows } = await sql`select from graphile_worker._private_known_crontabs`.execute(
        database.db,
      )
      return rows.length > 0
    })
  }
  // No vault was there for two days.
  await sql`update graphile_worker._private_known_crontabs
    set known_since = now() - interval '2 days', last_execution = null`.execute(database.db)
  const gone = await countersign.person('gone')
  await database.db
    .updateTable('sessions')
    .set({ expires_at: sql<Date>`now() - interval '2 days'` })
    .where('person_id', '=', gone.person.id)
    .execute()
  await using _ = await startVault()
  await until('a session that is removed', async () => {
    const left = await database.db.selectFrom('sessions').select('person_id').execute()
    return left.every(({ person_id }) => person_id !== gone.person.id)
  })
  assert.equal((await admin.api.getSession({})).person?.id, admin.person.id)
})
