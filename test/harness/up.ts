import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEMO_ACCOUNT } from '../../sandbox/seed.ts'
import { folderName } from '../../src/agent/person-socket.ts'
import { GOOD_SCOPES } from './forge.ts'
import { joinAs, type PersonClient } from './person.ts'
import { freePort } from './ports.ts'
import { type Program, startProgram } from './program.ts'
import { until } from './until.ts'

/** `countersign up` in a process of its own, with an empty data folder and its first administrator. */
export interface Up extends AsyncDisposable {
  program: Program
  data: string
  /** The sandbox forge. */
  sandbox_url: string
  ada: PersonClient
  /** Runtime `local` with the sandbox forge. */
  row: { runtime_id: string; provider_id: string }
  /** With which another agent of runtime `local` reaches the vault. */
  settings: { vault_url: string; runtime_key: string }
  /** The socket at which Git is answered as a person, once it is there. */
  socketOf(person: string): Promise<string>
}

export async function startUp(): Promise<Up> {
  await using resources = new AsyncDisposableStack()
  const data = await mkdtemp(join(tmpdir(), 'countersign-up-'))
  resources.defer(() => rm(data, { recursive: true, force: true }))
  const sockets = join(data, 'agent')
  await mkdir(sockets, { mode: 0o700 })
  const ports = await freePorts()
  const settings = { ...ports, COUNTERSIGN_DATA: data }
  const program = resources.use(startProgram('up', settings))
  const [, page_url = '', invite = ''] = await program.says(/Open this once\s+(\S+)\/invite#(\S+)/)
  await program.says(/Ctrl-C/)
  const ada = await joinAs(page_url, invite, 'ada')
  const [first] = (await ada.api.listAccess({})).items
  if (first === undefined) throw new Error('there is no row for runtime local')
  const runtime_key = await readFile(join(data, 'runtime-local.key'), 'utf8')
  const kept = resources.move()
  return {
    program,
    data,
    sandbox_url: `http://127.0.0.1:${ports.COUNTERSIGN_SANDBOX_PORT}`,
    ada,
    row: { runtime_id: first.runtime.id, provider_id: first.provider.id },
    settings: {
      vault_url: `http://127.0.0.1:${ports.COUNTERSIGN_VAULT_PORT}`,
      runtime_key: runtime_key.trim(),
    },
    socketOf: (person) => openSocketIn(sockets, person),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** An agent takes the right to write from the folder of a socket when it listens there. */
async function openSocketIn(sockets: string, person: string): Promise<string> {
  const folder = join(sockets, folderName(person))
  await until(`a socket for ${person}`, async () => {
    const { mode } = (await stat(folder).catch(() => undefined)) ?? { mode: 0 }
    return mode % 0o1000 === 0o500
  })
  return join(folder, 'socket')
}

/** Three ports that nothing uses, as `countersign up` is told them. */
export async function freePorts() {
  const [page, vault, sandbox] = [await freePort(), await freePort(), await freePort()]
  return {
    COUNTERSIGN_PORT: String(page),
    COUNTERSIGN_VAULT_PORT: String(vault),
    COUNTERSIGN_SANDBOX_PORT: String(sandbox),
  }
}

/** A token of the demo account, made as a person makes one. */
export async function sandboxToken(sandbox_url: string): Promise<string> {
  const { login, password } = DEMO_ACCOUNT
  const response = await fetch(`${sandbox_url}/api/v1/users/${login}/tokens`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`,
    },
    body: JSON.stringify({ name: 'start', scopes: GOOD_SCOPES }),
  })
  const { sha1 } = (await response.json()) as { sha1: string }
  return sha1
}
