import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { folderName } from '../src/agent/person-socket.ts'
import { credentialHelper } from '../src/cli/child-environment.ts'
import { median, medianRatio } from './figures.ts'
import { MAIN, startProgram, temporaryFolder } from './programs.ts'

/** A vault that is running, and a person whose token it will hand out. */
export interface StartedVault extends AsyncDisposable {
  vault_url: string
  runtime_key: string
  person: string
  /** The Git host for which the person has authorized the runtime. */
  base_url: string
  /** What the vault will answer. */
  username: string
  password: string
  /** Where an agent in the vault's own process answers. */
  socket_path: string
}

export type Helper = 'agent' | 'apart' | 'store' | 'node' | 'socket'

/** Whole-process times of one `git credential fill`, by the helper that answered. */
export interface Figures {
  /** Medians. */
  times_ms: Record<Helper, number>
  /** Median of the ratios within a round: what disturbed one helper disturbed its neighbours. */
  ratio: (over: Helper, under: Helper) => number
}

/** Fills measured in one go, so that starting the shell around them weighs little. */
const BATCH = 10
const PATH = 'team/app.git'
/** Answers before the first measured one: an agent and a vault that have been at work for a while. */
const WARM_UP = 1000

/**
 * Measures `git credential fill` through the agent that runs with the vault, through one in a process
 * of its own, with `git credential-store`, with a helper written for Node that asks the same vault,
 * and with a socket that answers at once, which no agent, vault or database could beat. They take
 * turns, so that whatever else the machine does meets all of them.
 */
export async function measureCredentialFill(
  startVault: () => Promise<StartedVault>,
  rounds = 30,
): Promise<Figures> {
  await using vault = await startVault()
  await using folder = await temporaryFolder()
  await using apart = await startAgent(vault, folder.path)
  await using socket = await startBareSocket(vault, folder.path)
  const fill = await fillScripts(vault, folder.path)
  const fills: Record<Helper, string> = {
    agent: await fill(credentialHelper(vault.socket_path)),
    apart: await fill(credentialHelper(apart.socket_path)),
    socket: await fill(credentialHelper(socket.socket_path)),
    store: await fill(await storeHelper(vault, folder.path)),
    node: await fill(await nodeHelper(vault, folder.path)),
  }
  await warmUp(vault, vault.socket_path)
  await warmUp(vault, apart.socket_path)
  const times: Record<Helper, number[]> = { agent: [], apart: [], socket: [], store: [], node: [] }
  const helpers = Object.keys(times) as Helper[]
  for (let round = 0; round < rounds; round += 1) {
    for (const helper of helpers) times[helper].push(await timeBatch(fills[helper]))
  }
  const medians = helpers.map((helper) => [helper, median(times[helper])])
  return {
    times_ms: Object.fromEntries(medians) as Record<Helper, number>,
    ratio: (over, under) => medianRatio(times[over], times[under]),
  }
}

async function startAgent(vault: StartedVault, folder: string) {
  const socket_folder = join(folder, 'sockets')
  const agent = await startProgram(
    [process.execPath, MAIN, 'agent', '--person', vault.person, '--socket-folder', socket_folder],
    { COUNTERSIGN_VAULT_URL: vault.vault_url, COUNTERSIGN_RUNTIME_KEY: vault.runtime_key },
    /socket open/,
  )
  return { ...agent, socket_path: join(socket_folder, folderName(vault.person), 'socket') }
}

async function startBareSocket({ username, password }: StartedVault, folder: string) {
  const socket_path = join(folder, 'bare-socket')
  const answer = `username=${username}\npassword=${password}\n`
  const program = await startProgram(
    [process.execPath, join(import.meta.dirname, 'bare-socket.ts'), socket_path],
    { ANSWER: answer },
    /listening/,
  )
  return { ...program, socket_path }
}

async function storeHelper(vault: StartedVault, folder: string): Promise<string> {
  const file = join(folder, 'credentials')
  const url = new URL(PATH, `${vault.base_url}/`)
  url.username = vault.username
  url.password = vault.password
  await writeFile(file, `${url.href}\n`, { mode: 0o600 })
  return `store --file=${file}`
}

/** What one would write without the agent: start Node, ask the vault, answer Git. */
async function nodeHelper(vault: StartedVault, folder: string): Promise<string> {
  const file = join(folder, 'helper.mjs')
  const { vault_url, runtime_key, person, base_url } = vault
  const { protocol, host } = new URL(base_url)
  const request = JSON.stringify({ person, protocol: protocol.slice(0, -1), host })
  await writeFile(
    file,
    `const response = await fetch(${JSON.stringify(`${vault_url}/api/v1/credential`)}, {
  method: 'POST',
  headers: {
    authorization: ${JSON.stringify(`Bearer ${runtime_key}`)},
    'content-type': 'application/json',
  },
  body: ${JSON.stringify(request)},
})
const { username, password } = await response.json()
process.stdout.write(\`username=\${username}\\npassword=\${password}\\n\`)
`,
  )
  await chmod(file, 0o600)
  return `!${process.execPath} ${file}`
}

/**
 * Makes a shell's line for one fill by a helper, tried once. What Git is asked comes from a file:
 * another process would be counted with it.
 */
async function fillScripts(
  vault: StartedVault,
  folder: string,
): Promise<(helper: string) => Promise<string>> {
  const input = join(folder, 'input')
  const { protocol, host } = new URL(vault.base_url)
  await writeFile(input, `protocol=${protocol.slice(0, -1)}\nhost=${host}\npath=${PATH}\n\n`)
  return async (helper) => {
    const script =
      `git -c credential.helper= -c 'credential.helper=${helper}' ` +
      `-c credential.useHttpPath=true credential fill < ${input}`
    const answer = await shell(script)
    if (!answer.includes(`\npassword=${vault.password}\n`)) {
      throw new Error(`"${helper}" did not answer with the token.`)
    }
    return script
  }
}

/** Asks as `git credential-cache` does, without starting it. */
async function warmUp({ base_url }: StartedVault, socket_path: string): Promise<void> {
  const { protocol, host } = new URL(base_url)
  const request = `action=get\ntimeout=1\nprotocol=${protocol.slice(0, -1)}\nhost=${host}\n`
  for (let count = 0; count < WARM_UP; count += 1) {
    const connection = connect({ path: socket_path, allowHalfOpen: true })
    connection.end(request)
    await text(connection)
  }
}

async function timeBatch(script: string): Promise<number> {
  const start = performance.now()
  await shell(`i=0; while [ $i -lt ${BATCH} ]; do ${script} > /dev/null; i=$((i+1)); done`)
  return (performance.now() - start) / BATCH
}

async function shell(script: string): Promise<string> {
  const child = spawn('sh', ['-c', script], {
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const output = await text(child.stdout)
  const [code] = await exited
  if (code !== 0) throw new Error(`"${script}" ended with ${code}.`)
  return output
}
