import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { type DeviceSignInCodes, type Person, ProblemError } from '../contract/index.ts'
import {
  makeSessionFolder,
  readSession,
  removeSession,
  sessionPath,
  writeSession,
} from './person-session.ts'
import { askYesOrNo, isTerminal } from './question.ts'
import { isAway, openServer, type Server } from './server.ts'
import { readServerUrl, usualConfigPaths } from './settings.ts'
import { CommandError, exitCodes, tell } from './terminal.ts'

/** A server with the person who is signed in there on this command line. */
export interface SignedIn {
  server: Server
  person: Person
}

/**
 * The session that is kept for the wanted server, if it still holds.
 *
 * @param wanted address from `--server`
 * @throws {CommandError} no server is known
 */
export async function signedIn(
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<{ url: string; session: SignedIn | undefined }> {
  const kept = await readSession(sessionPath(process.env))
  const url = await serverUrl(wanted, kept?.server_url)
  if (kept?.server_url !== url) return { url, session: undefined }
  const server = openServer(url, kept.token, signal)
  const { person } = await server.api.getSession({})
  return { url, session: person === null ? undefined : { server, person } }
}

/**
 * Signs in with a code that the person approves on a page, RFC 8628, and keeps the session. One that
 * was kept before is ended.
 *
 * @throws ProblemError `device-code-expired`, `device-sign-in-denied`
 */
export async function signIn(url: string, signal: AbortSignal): Promise<SignedIn> {
  const path = sessionPath(process.env)
  await makeSessionFolder(path)
  const { api } = openServer(url, undefined, signal)
  const codes = await api
    .beginDeviceSignIn({ body: { device_name: deviceName() } })
    .catch((error: unknown) => {
      throw error instanceof ProblemError && error.type === 'not-found' ? noSignIn(url) : error
    })
  tell('To sign in, open this page in a browser, on any machine:')
  tell(`  ${codes.verification_uri}`)
  tell(`and enter the code:  ${codes.user_code}`)
  tell('Waiting for you to approve it there (Ctrl-C gives up).')
  const token = await redeemed(api, codes, signal)
  const server = openServer(url, token, signal)
  const { person } = await server.api.getSession({})
  if (person === null) throw new CommandError('The session ended at once.', exitCodes.failed)
  await endKeptSession(signal)
  await writeSession(path, { server_url: url, token })
  tell(`Signed in as ${person.email}.`)
  return { server, person }
}

/** A vault, or a server of another version, answers in our own form. */
function noSignIn(url: string): CommandError {
  return new CommandError(
    `What answers at ${url} has no sign-in for command lines: give the address of the pages, ` +
      'with --server URL.',
    exitCodes.failed,
  )
}

/**
 * The session that is kept; where there is none, the person signs in and says that it is them.
 *
 * @param wanted address from `--server`
 * @throws {CommandError} nobody is signed in, and there is nobody to ask
 */
export async function signedInForSure(
  wanted: string | undefined,
  { yes, signal }: { yes: boolean; signal: AbortSignal },
): Promise<SignedIn> {
  const { url, session } = await signedIn(wanted, signal)
  return session ?? (await signInAndAsk({ url, yes, signal }))
}

/**
 * A code can be approved by anybody to whom it was shown, as themselves. What they then grant would
 * be theirs, so the one at the terminal says first whether this is who they are.
 */
async function signInAndAsk(request: {
  url: string
  yes: boolean
  signal: AbortSignal
}): Promise<SignedIn> {
  const { url, yes, signal } = request
  if (!yes && !isTerminal()) {
    throw new CommandError(
      `Nobody is signed in at ${url}, and there is no terminal to ask at. ` +
        `Run this first, then the same again: countersign login --server ${url}`,
      exitCodes.failed,
    )
  }
  const session = await signIn(url, signal)
  if (yes || (await askYesOrNo(`Go on as ${session.person.email}?`, signal))) return session
  await endKeptSession(signal)
  throw new CommandError('Nothing was changed, and nobody is signed in.', exitCodes.failed)
}

/** Ends the kept session, at its server too if that answers. @returns whether there was one */
export async function endKeptSession(signal: AbortSignal): Promise<boolean> {
  const path = sessionPath(process.env)
  const kept = await readSession(path)
  if (kept === undefined) return false
  const { api } = openServer(kept.server_url, kept.token, signal)
  const ended = await api.signOut({}).then(
    () => true,
    () => false,
  )
  signal.throwIfAborted()
  await removeSession(path)
  if (!ended) tell(`${kept.server_url} could not be told; the session ends there by itself.`)
  return true
}

/**
 * Asks until the person has answered. A server that goes away meanwhile is waited for, for as long as
 * the code is good.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8628#section-3.5
 */
async function redeemed(
  api: Server['api'],
  { device_code, interval, expires_in }: DeviceSignInCodes,
  signal: AbortSignal,
): Promise<string> {
  const over = performance.now() + expires_in * 1000
  let seconds = interval
  for (;;) {
    await pause(seconds * 1000, undefined, { signal }).catch(() => signal.throwIfAborted())
    try {
      const progress = await api.redeemDeviceSignIn({ body: { device_code } })
      if (progress.access_token !== null) return progress.access_token
      seconds = progress.interval
    } catch (error) {
      signal.throwIfAborted()
      if (!isAway(error) || performance.now() > over) throw error
      seconds *= 2
    }
  }
}

async function serverUrl(wanted: string | undefined, kept: string | undefined): Promise<string> {
  const flags = { server: wanted }
  return await readServerUrl({ flags, env: process.env, config_paths: usualConfigPaths() }, kept)
}

/** What the person knows this machine by, in characters that cannot mislead. */
function deviceName(): string {
  const name = hostname()
    .replaceAll(/[^\x20-\x7e]/g, '')
    .trim()
  return name.slice(0, 80) || 'a command line'
}
