import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import { createInvite } from '../../src/people/invites.ts'
import { importVaultPrivateKey, type VaultPrivateKey } from '../../src/seal/keys.ts'
import { openBox } from '../../src/seal/open.ts'
import type { Database } from '../../src/store/database.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import { startCountersign } from '../harness/countersign.ts'
import { joinAs } from '../harness/person.ts'
import { freePort } from '../harness/ports.ts'
import { allRows } from './whole-database.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const OPENS_BOXES = /^src\/(seal\/open\.ts|vault\/|jobs\/worker\.ts|roles\/vault\.ts)/

suite('the server cannot open a box', () => {
  test('nothing that it imports can', async () => {
    for (const start of ['src/roles/server.ts', ...(await routeFiles())]) {
      const reached = await reachable(start)
      assert.ok(reached.has('src/seal/box.ts') || !start.endsWith('server.ts'))
      assert.deepEqual([...reached].filter(opensBoxes), [], start)
    }
  })

  test('the same walk finds what the vault imports', async () => {
    const reached = await reachable('src/roles/vault.ts')
    for (const path of ['src/seal/open.ts', 'src/vault/keyring.ts', 'src/jobs/worker.ts']) {
      assert.ok(reached.has(path), path)
    }
  })

  test('nothing that a server process is given opens what it stores', async () => {
    await using countersign = await startCountersign()
    const { admin, database, provider, forge, vault_key } = countersign
    const { runtime } = await countersign.runtime()
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addToken(row, await forge.token())
    await using server = await startServerProcess(database)
    const { id, email: name, role } = admin.person
    const actor = { kind: 'person', id, name, role } as const
    const { token } = await createInvite(database.db, { actor, ip: null, role: 'member' })
    const bob = await joinAs(server.page_url, token, 'bob')
    // A candidate that no vault has taken yet: its box is there, and stays.
    await sql`update graphile_worker._private_tasks set identifier = 'nobody'
      where identifier = 'check-candidate'`.execute(database.db)
    const body = { id: randomUUID(), ...row, token: await forge.token() }
    await bob.api.createCandidate({ body })

    assert.deepEqual(await readdir(server.data_folder), [])
    const rows = (await allRows(database)).filter(({ table }) => !table.startsWith('pg_catalog.'))
    const held = [...Object.values(server.env), ...rows.flatMap(({ words }) => words)]
    assert.ok(!held.some((text) => text.includes(vault_key)))
    const keys = await keysFrom(held)
    assert.ok(keys.length > 10)
    const boxes = await allBoxes(database)
    assert.ok(boxes.length >= 2)
    const vaultKey = await importVaultPrivateKey(vault_key)
    for (const { box, ...address } of boxes) {
      assert.ok((await openBox(vaultKey, address, box)).length >= 40, 'the vault can')
      for (const key of keys) {
        const named = { ...key, key_id: vaultKey.key_id }
        await assert.rejects(openBox(named, address, box), { code: 'not-authentic' })
      }
    }
  })
})

function opensBoxes(path: string): boolean {
  return OPENS_BOXES.test(path)
}

async function routeFiles(): Promise<string[]> {
  const names = await readdir(join(ROOT, 'src/http'), { recursive: true })
  return names.filter((name) => name.endsWith('.ts')).map((name) => join('src/http', name))
}

/** Every file of ours that `start` names as a module, at whatever depth; types count too. */
async function reachable(start: string): Promise<Set<string>> {
  const found = new Set([start])
  for (const path of found) {
    const text = await readFile(join(ROOT, path), 'utf8')
    for (const [, name = ''] of text.matchAll(/['"](\.{1,2}\/[^'"\n]+\.ts)['"]/g)) {
      found.add(relative(ROOT, join(ROOT, dirname(path), name)))
    }
  }
  return found
}

/** `countersign server`, as an operator starts it. */
async function startServerProcess(database: Database) {
  await using resources = new AsyncDisposableStack()
  const folder = resources.use(await temporaryFolder())
  const port = await freePort()
  const env = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: database.url,
    COUNTERSIGN_DATA: folder.path,
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_PAGE_URL: `http://127.0.0.1:${port}`,
    COUNTERSIGN_SESSION_SECRET: randomBytes(32).toString('base64url'),
  }
  const main = join(ROOT, 'src', 'main.ts')
  const child = spawn(process.execPath, [main, 'server'], {
    env,
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const exited = once(child, 'exit')
  resources.defer(async () => {
    child.kill()
    await exited
  })
  const lines = createInterface({ input: child.stderr })
  const ready = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('server ready')) resolve()
    })
    lines.on('close', () => reject(new Error('the server ended')))
  })
  await ready
  const kept = resources.move()
  return {
    page_url: env.COUNTERSIGN_PAGE_URL,
    data_folder: folder.path,
    env,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function allBoxes({ db }: Database) {
  const columns = ['id as row_id', 'owner_id', 'provider_id', 'box'] as const
  const connections = await db.selectFrom('connections').select(columns).execute()
  const candidates = await db.selectFrom('candidates').select(columns).execute()
  return [
    ...connections.map((row) => ({ ...row, purpose: 'token_set' as const })),
    ...candidates.map((row) => ({ ...row, box: row.box ?? '', purpose: 'candidate' as const })),
  ].filter(({ box }) => box !== '')
}

/** Every private key that texts could be meant to be: read as one, decoded to one, hashed to one. */
async function keysFrom(texts: readonly string[]): Promise<VaultPrivateKey[]> {
  const keys: VaultPrivateKey[] = []
  const long = texts.filter(({ length }) => length >= 32 && length <= 100)
  for (const text of new Set(long)) {
    const raw = [
      Buffer.from(text),
      Buffer.from(text, 'base64url'),
      Buffer.from(text, 'hex'),
      createHash('sha256').update(text).digest(),
    ]
    for (const bytes of raw) {
      if (bytes.length === 32) keys.push(await importVaultPrivateKey(keyText(bytes)))
    }
  }
  return keys
}

function keyText(bytes: Buffer): string {
  const body = `csk_${bytes.toString('base64url')}`
  return body + createHash('sha256').update(body).digest('base64url').slice(0, 6)
}
