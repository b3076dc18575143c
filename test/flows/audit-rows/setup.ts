import assert from 'node:assert/strict'
import { mkdtempDisposable, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { execute, isolated } from '../../agent/git-end.ts'
import { type AuditTrail, allowed, SETUP } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import { freePort } from '../../harness/ports.ts'
import { startProgram } from '../../harness/program.ts'
import { freePorts } from '../../harness/up.ts'

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts')

/** What Countersign does in nobody's name, on the machine where it runs. */
export function setupActs(countersign: Countersign, { leaves }: AuditTrail): void {
  suite('on the machine itself', () => {
    test('a password is reset', async () => {
      const { person } = await countersign.person('uma')
      const settings = { DATABASE_URL: countersign.database.url }
      const reset = () =>
        execute(process.execPath, [MAIN, 'reset-password', person.email], {
          env: isolated(settings),
          input: 'another one, not forgotten\n',
        })
      const subject = 'uma@example.com, and all their sessions ended'
      const { code } = await leaves(reset, () => [
        allowed(SETUP, 'person.reset_password', subject, { owner_id: person.id, ip: null }),
      ])
      assert.equal(code, 0)
    })

    test('runtime local is registered, and at a later start gets a key, with the sandbox moved', async () => {
      await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-audit-'))
      const settings = {
        ...(await freePorts()),
        COUNTERSIGN_DATA: data.path,
        COUNTERSIGN_VAULT_KEY: countersign.vault_key,
        DATABASE_URL: countersign.database.url,
      }
      const local = async () => {
        const { items } = await countersign.admin.api.listRuntimes({ query: { q: 'local' } })
        return { runtime_id: items[0]?.id ?? '', ip: null }
      }
      const sandbox = (port: string) => `http://127.0.0.1:${port}`
      const { COUNTERSIGN_SANDBOX_PORT: port } = settings
      await leaves(
        () => startOnce(settings),
        async () => [
          allowed(SETUP, 'provider.create', `Sandbox forge (${sandbox(port)})`, { ip: null }),
          allowed(SETUP, 'runtime.create', 'local', await local()),
        ],
      )
      await rm(join(data.path, 'runtime-local.key'))
      const moved = String(await freePort())
      await leaves(
        () => startOnce({ ...settings, COUNTERSIGN_SANDBOX_PORT: moved }),
        async () => [
          allowed(SETUP, 'provider.move', sandbox(moved), { ip: null }),
          allowed(SETUP, 'runtime_key.create', 'local', await local()),
        ],
      )
    })

    test('the vault key is rotated', async () => {
      await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-audit-'))
      await countersign.stopVaults()
      const settings = {
        COUNTERSIGN_DATA: data.path,
        COUNTERSIGN_VAULT_KEY: countersign.vault_key,
        DATABASE_URL: countersign.database.url,
      }
      const keyOfData = () =>
        countersign.database.db.selectFrom('vault_keys').select('key_id').executeTakeFirstOrThrow()
      const former = await keyOfData()
      const rotate = () =>
        execute(process.execPath, [MAIN, 'rotate-vault-key'], { env: isolated(settings) })
      await leaves(rotate, () => [])
      const { code, stderr } = await leaves(rotate, async () => {
        const subject = `from vault key ${former.key_id} to ${(await keyOfData()).key_id}`
        return [allowed(SETUP, 'vault_key.rotate', subject, { ip: null })]
      })
      assert.equal(code, 0, stderr)
    })
  })
}

/** Runs `countersign up` until it is ready. */
async function startOnce(settings: Record<string, string>): Promise<void> {
  await using program = startProgram('up', settings)
  await program.says(/Ctrl-C/)
}
