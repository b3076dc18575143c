import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createClient } from '../../src/contract/index.ts'
import { gitCredential, temporaryFolder } from '../agent/git-end.ts'
import { installation, startCountersign as startCommand } from '../cli/countersign.ts'
import { openAccount } from '../cli/person-end.ts'
import type { Countersign } from '../harness/countersign.ts'
import {
  beginWithCode,
  type DeviceForge,
  outcomeOf,
  startGitlabForge,
} from '../harness/device-forge.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

/** Takes down a secret by what it is, to be looked for afterwards. @returns the secret */
export type Keep = (name: string, secret: string) => string

type Lab = Awaited<ReturnType<typeof startGitlabForge>>

/** A code, another account that is kept or confirmed, and a grant whose end the host is told of. */
export async function everyFlowAtGitlab(countersign: Countersign, keep: Keep): Promise<void> {
  await using lab = await startGitlabForge(countersign)
  keep('runtime key at GitLab', lab.key)
  keep('client secret at GitLab', await appSecret(countersign, lab))
  await authorizeByCode(countersign, lab, keep)
  await withAnotherAccount(countersign, lab, keep)
  await endGrants(countersign, lab)
  for (const [index, { access_token, refresh_token }] of lab.forge.oauth.given.entries()) {
    keep(`token at GitLab, number ${index}`, access_token)
    keep(`refresh token at GitLab, number ${index}`, refresh_token)
  }
}

async function appSecret({ admin }: Countersign, { forge, provider }: Lab): Promise<string> {
  const { items } = await admin.api.listClients({ query: { limit: 100 } })
  const client = items.find((one) => one.provider.id === provider.id)
  return forge.oauth.registered(client?.client_id ?? '')?.client_secret ?? assert.fail()
}

/** One code that the person gives up, and one that they approve. */
async function authorizeByCode({ admin }: Countersign, lab: DeviceForge, keep: Keep) {
  for (const name of ['given up', 'approved']) {
    const { id, device } = await beginWithCode(admin, lab.row)
    const user_code = keep(`user code ${name}`, device?.user_code ?? '')
    keep(`device code ${name}`, lab.devices.deviceCode(user_code))
    if (name === 'given up') {
      await admin.api.cancelAuthorizationRequest({ params: { id } })
      continue
    }
    lab.devices.approve(user_code, 'carol')
    assert.equal((await outcomeOf(admin, id)).status, 'completed')
  }
}

/** Carol is kept, and then Dave is taken in her place. */
async function withAnotherAccount(countersign: Countersign, lab: Lab, keep: Keep) {
  const { admin } = countersign
  const kept = await authorizeAs('dave', countersign, lab, (name, secret) =>
    keep(`${name} that is given up`, secret),
  )
  await admin.api.cancelAuthorizationRequest({ params: { id: kept } })
  const taken = await authorizeAs('dave', countersign, lab, (name, secret) =>
    keep(`${name} that is confirmed`, secret),
  )
  await admin.api.confirmAuthorizationRequest({ params: { id: taken } })
  await admin.checkNow(lab.runtime.id)
}

/** Authorizes as somebody else than before. @returns the request, which waits for a word on that */
async function authorizeAs(login: string, { admin }: Countersign, lab: Lab, keep: Keep) {
  const { request, authorization_url, state, code_verifier } = await beginOAuth(admin, lab.row)
  keep('state', state)
  keep('verifier', code_verifier)
  lab.forge.oauth.signIn(login)
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  const callback = sent.headers.get('location') ?? ''
  keep('code', new URL(callback).searchParams.get('code') ?? '')
  await comeBack(callback, admin.cookie)
  assert.equal((await outcomeOf(admin, request.id)).status, 'account_changed')
  return request.id
}

/** The host fails first, with all its tokens in what it says. */
async function endGrants({ admin, database }: Countersign, { forge, runtime }: Lab) {
  const body = { error: 'unavailable', error_description: JSON.stringify(forge.oauth.given) }
  forge.interruptionFor = (path) => (path === '/oauth/revoke' ? { status: 503, body } : undefined)
  const { authorization } = await admin.access(runtime.id)
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  await until('a revocation that failed', async () =>
    (await admin.api.listRevocations({ query: {} })).items.some(({ reason }) => reason !== null),
  )
  forge.interruptionFor = undefined
  await until('the end of all grants', async () => {
    const left = await database.db.selectFrom('revocations').select('id').execute()
    return left.length === 0
  })
}

/** Signing in by a code, and `token add`. @returns what was printed */
export async function everyFlowOfACommandLine(
  countersign: Countersign,
  keep: Keep,
): Promise<string[]> {
  const { admin, forge, page_url } = countersign
  await signInByCode(countersign, keep)
  const { runtime, key } = await countersign.runtime()
  keep('runtime key of a command line', key)
  await using account = await openAccount(page_url)
  await account.login(admin)
  const { token } = JSON.parse(await readFile(account.session_file, 'utf8'))
  keep('sign-in token of a command line', token)
  const outputs: string[] = []
  for (const [secret, code] of [
    [await forge.token(), 0],
    [await forge.token('alice', ['read:user']), 1],
  ] as const) {
    keep(`token by a command that ends with ${code}`, secret)
    const add = ['token', 'add', '--runtime', runtime.name]
    const ended = await account.startWithInput(secret, ...add).ended
    assert.equal(ended.code, code, ended.stderr)
    outputs.push(ended.stdout + ended.stderr)
  }
  const { stdout, stderr } = await account.run('logout')
  return [...outputs, stdout + stderr]
}

async function signInByCode({ admin, page_url }: Countersign, keep: Keep): Promise<void> {
  const anonymous = createClient({ base_url: page_url })
  const begun = await anonymous.beginDeviceSignIn({ body: { device_name: 'canary' } })
  const user_code = keep('sign-in user code', begun.user_code)
  const device_code = keep('sign-in device code', begun.device_code)
  await admin.api.readDeviceSignIn({ body: { user_code } })
  await admin.api.answerDeviceSignIn({ body: { user_code, approved: true } })
  const redeemed = await anonymous.redeemDeviceSignIn({ body: { device_code } })
  const token = keep('sign-in token', redeemed.access_token ?? assert.fail('nobody is signed in'))
  const headers = { authorization: `Bearer ${token}` }
  const signedIn = createClient({ base_url: page_url, headers })
  await signedIn.listAccess({ query: {} })
  await signedIn.signOut({})
  await refusal(signedIn.listAccess({ query: {} }), 'not-signed-in')
}

/** An agent that answers Git, is refused, and stops. @returns its log */
export async function agentsLog(countersign: Countersign, keep: Keep): Promise<string> {
  const { admin, forge, provider, vault_url } = countersign
  const { runtime, key } = await countersign.runtime()
  keep('runtime key of an agent', key)
  const secret = keep('token by an agent', await forge.token())
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, secret)
  await using folder = await temporaryFolder()
  const args = ['agent', '--person', admin.person.email, '--socket-folder', folder.path]
  const settings = { COUNTERSIGN_RUNTIME_KEY: key }
  const agent = startCommand(args, installation(vault_url, settings))
  const said = Promise.all([text(agent.stdout), text(agent.stderr)])
  const socket = await until('the socket of an agent', () => socketIn(folder.path))

  const asked = { protocol: 'http', host: new URL(forge.url).host }
  const filled = await gitCredential('fill', socket, asked)
  assert.match(filled.stdout, new RegExp(`^password=${secret}$`, 'm'))
  const used = { ...asked, username: 'alice', password: secret }
  await gitCredential('approve', socket, used)
  await gitCredential('reject', socket, used)
  await forge.control('POST', '/control/tokens/revoke', { sha1: secret })
  await admin.checkNow(runtime.id)
  const refused = await gitCredential('fill', socket, asked)
  agent.kill('SIGTERM')
  return [...(await said), refused.stderr].join('')
}

async function socketIn(folder: string): Promise<string | undefined> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const socket = entries.find((entry) => entry.isSocket())
  return socket && join(socket.parentPath, socket.name)
}
