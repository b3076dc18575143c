import {
  type Access,
  type AccessDetail,
  type AuthorizationRequest,
  type Connection,
  ProblemError,
  problemType,
} from '../contract/index.ts'
import { isAuthorized, mayDo, onlyRow, settledRows, tellAuthorized } from './authorize-row.ts'
import { help } from './help.ts'
import { givenUp, interruption } from './interruption.ts'
import { authorizingFlags, readFlags, runtimeNamed } from './options.ts'
import { askYesOrNo } from './question.ts'
import { openServer, problemLine, type Server, untilThere, withRefusals } from './server.ts'
import { signedInForSure } from './sign-in.ts'
import { CommandError, exitCodes, tell } from './terminal.ts'

const flags = {
  ...authorizingFlags,
  again: { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  'replace-account': { type: 'boolean' },
} as const

/** One row that is being authorized, and how. */
interface Attempt {
  server: Server
  row: AccessDetail
  page: string
  yes: boolean
  replace_account: boolean
  signal: AbortSignal
}

/** Time in which the server may still be told that the person has given up. */
const CANCEL_MS = 3_000

/**
 * `countersign authorize --runtime R`: authorizes a runtime, with a code that the person types at
 * the Git host, RFC 8628, or on the page where the host has no such flow.
 *
 * @throws {CommandError}
 */
export async function authorize(argv: readonly string[]): Promise<number> {
  const values = readFlags('authorize', argv, flags, 'name the runtime with --runtime')
  if (values.help) return help('authorize')
  const runtime = runtimeNamed('authorize', 'which runtime', values)
  using interrupted = interruption()
  const { signal } = interrupted
  await withRefusals(async () => {
    const yes = values.yes ?? false
    const { server } = await signedInForSure(values.server, { yes, signal })
    const rows = await settledRows(server, runtime, values.provider, signal)
    if (values.again !== true && rows.every(isAuthorized)) return rows.forEach(tellAuthorized)
    const { runtime: on, provider } = onlyRow('authorize', rows)
    const params = { runtime_id: on.id, provider_id: provider.id }
    await authorizeRow(
      {
        server,
        row: await server.api.getAccess({ params }),
        page: `${server.url}/tokens/${params.runtime_id}/${params.provider_id}`,
        yes,
        replace_account: values['replace-account'] ?? false,
        signal,
      },
      values.again ?? false,
    )
  })
  return 0
}

async function authorizeRow(attempt: Attempt, again: boolean): Promise<void> {
  const { row, page } = attempt
  const there = row.reusable_connections.find(
    ({ method }) => method === 'oauth' || row.token_allowed,
  )
  if (there !== undefined && !again) return await reuse(attempt, there)
  switch (row.oauth) {
    case 'ready':
      return await authorizeWithCode(attempt)
    case 'not_offered':
      tell(`Runtime "${row.runtime.name}" is authorized for ${row.provider.name} with a token.`)
      tell(`To add one here: countersign token add --runtime ${row.runtime.name}. Or:`)
      return await waitForPage(attempt, 'paste a token')
    case 'client_not_registered': {
      const [who] = row.administrators
      const ask = who === undefined ? 'an administrator' : `${who.name} (${who.email})`
      const add = `countersign token add --runtime ${row.runtime.name}`
      const instead = row.token_allowed ? ` Or add a token: ${add}, or ${page}` : ''
      throw new CommandError(
        `Git app not registered. No OAuth app is registered for ${row.provider.name}. ` +
          `Ask ${ask} to register one.${instead}`,
        exitCodes.failed,
      )
    }
  }
}

/** A good connection serves another runtime without signing in again: its own act of consent. */
async function reuse(attempt: Attempt, connection: Connection): Promise<void> {
  const { server, row, yes, signal } = attempt
  const { runtime, provider } = row
  tell(`You have authorized access to ${provider.name} as ${connection.account.login} already.`)
  const question = `Let runtime "${runtime.name}" act as ${connection.account.login} there?`
  const allowed = yes || (await askYesOrNo(`${question} ${mayDo(row, connection.scopes)}`, signal))
  if (allowed === undefined) {
    throw new CommandError(
      `There is no terminal to ask at. ${question} Say yes with --yes, or sign in anew with --again.`,
      exitCodes.failed,
    )
  }
  if (!allowed) {
    throw new CommandError(
      'Nothing was changed. With --again you sign in anew instead.',
      exitCodes.failed,
    )
  }
  const ids = { runtime_id: runtime.id, provider_id: provider.id }
  const body = { ...ids, connection_id: connection.id }
  tellAuthorized(await server.api.createAuthorization({ body }))
}

async function authorizeWithCode(attempt: Attempt): Promise<void> {
  const { server, row } = attempt
  const ids = { runtime_id: row.runtime.id, provider_id: row.provider.id }
  let request: AuthorizationRequest
  try {
    request = await server.api.beginDeviceAuthorization({ body: ids })
  } catch (error) {
    if (error instanceof ProblemError && error.type === 'device-flow-not-offered') {
      return await waitForPage(attempt, `press "Authorize access to ${row.provider.name}"`)
    }
    throw error
  }
  try {
    await followRequest(attempt, request.id)
  } catch (error) {
    const became = await cancel(attempt, request.id)
    throw attempt.signal.aborted ? givenUp(became) : error
  }
}

async function followRequest(attempt: Attempt, id: string): Promise<void> {
  const { server, row, signal } = attempt
  const { runtime, provider } = row
  const scopes = row.requested_scopes.map(({ scope }) => scope)
  tell(`Runtime "${runtime.name}" will act as you at ${provider.name}. ${mayDo(row, scopes)}`)
  tell(`Asking ${provider.name} for a code (Ctrl-C gives up).`)
  const begun = await untilThere(server, signal, async () => {
    const request = await server.api.getAuthorizationRequest({ params: { id } })
    return request.status !== 'pending' || request.device !== null ? request : undefined
  })
  if (begun.device !== null) tellCode(begun.device)
  let request = await untilAnswered(attempt, id)
  if (request.status === 'account_changed') {
    await confirmAccount(attempt, request)
    request = await untilAnswered(attempt, id)
  }
  if (request.status === 'refused') {
    const { type = '', detail = '' } = request.problem ?? {}
    const problem = new ProblemError(problemType(type) ?? 'authorization-failed', detail)
    if (problem.type === 'device-flow-not-offered') {
      return await waitForPage(attempt, `press "Authorize access to ${provider.name}"`)
    }
    throw new CommandError(problemLine(problem), exitCodes.failed)
  }
  const params = { runtime_id: runtime.id, provider_id: provider.id }
  tellAuthorized(await server.api.getAccess({ params }))
}

async function untilAnswered({ server, signal }: Attempt, id: string) {
  return await untilThere(server, signal, async () => {
    const request = await server.api.getAuthorizationRequest({ params: { id } })
    return request.status === 'pending' || request.status === 'exchanging' ? undefined : request
  })
}

async function confirmAccount(attempt: Attempt, request: AuthorizationRequest): Promise<void> {
  const { server, row, replace_account, signal } = attempt
  const { account_before, account_after } = request
  const changed =
    `You signed in at ${row.provider.name} as ${account_after}; ` +
    `until now it was ${account_before}.`
  const question = `Replace ${account_before} by ${account_after}, for every runtime that uses it?`
  const confirmed = replace_account || (await askYesOrNo(`${changed} ${question}`, signal))
  if (confirmed !== true) {
    throw new CommandError(
      `${changed} Nothing was changed. To replace it, use --replace-account.`,
      exitCodes.failed,
    )
  }
  await server.api.confirmAuthorizationRequest({ params: { id: request.id } })
}

/** Where no code is to be had, the person goes on in a browser, and we wait for what comes of it. */
async function waitForPage(attempt: Attempt, act: string): Promise<void> {
  const { server, row, page, signal } = attempt
  tell(`Open ${page}`)
  tell(`and ${act}. Waiting (Ctrl-C gives up).`)
  const params = { runtime_id: row.runtime.id, provider_id: row.provider.id }
  const before = isAuthorized(row) ? stateOf(row) : undefined
  const now = await untilThere(server, signal, async () => {
    const access = await server.api.getAccess({ params })
    return isAuthorized(access) && stateOf(access) !== before ? access : undefined
  })
  tellAuthorized(now)
}

function stateOf({ authorization }: Access): string {
  const { id, checked_at, created_at } = authorization?.connection ?? {}
  return [id, checked_at, created_at].join(' ')
}

/**
 * The server stops asking the Git host. That it cannot be told now does no harm.
 *
 * @returns what became of the request, in a sentence: the person may have allowed it a moment before
 */
async function cancel({ server, row, page }: Attempt, id: string): Promise<string> {
  const { api } = openServer(server.url, server.token, AbortSignal.timeout(CANCEL_MS))
  const params = { id }
  try {
    await api.cancelAuthorizationRequest({ params })
    return 'Nothing was changed.'
  } catch (error) {
    if (!(error instanceof ProblemError) || error.type !== 'not-found') return `See ${page}`
  }
  const request = await api.getAuthorizationRequest({ params }).catch(() => undefined)
  if (request === undefined) return `See ${page}`
  if (request.status === 'refused') return 'Nothing was changed.'
  if (request.status !== 'completed') return `You had allowed it already: see ${page}`
  return (
    `You had allowed it already: runtime "${row.runtime.name}" is authorized for ` +
    `${row.provider.name}. To take that back: ${page}`
  )
}

function tellCode(device: NonNullable<AuthorizationRequest['device']>): void {
  tell('Open this page in a browser, on any machine, and sign in there:')
  tell(`  ${device.verification_uri}`)
  tell(`and enter the code:  ${device.user_code}`)
  tell('Waiting for you to allow it (Ctrl-C gives up).')
}
