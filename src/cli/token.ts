import { randomUUID } from 'node:crypto'
import {
  type AccessDetail,
  type Candidate,
  problems,
  tidyToken,
  tokenFault,
} from '../contract/index.ts'
import { sealBox } from '../seal/box.ts'
import {
  chooseRows,
  isAuthorized,
  mayDo,
  onlyRow,
  rowsOf,
  tellAuthorized,
} from './authorize-row.ts'
import { help } from './help.ts'
import { givenUp, interruption } from './interruption.ts'
import { authorizingFlags, readFlagsAndWords, runtimeNamed } from './options.ts'
import { isTerminal, readSecret } from './question.ts'
import { type Server, untilThere, withRefusals } from './server.ts'
import { signedInForSure } from './sign-in.ts'
import { CommandError, exitCodes, tell, usageError } from './terminal.ts'

const flags = {
  ...authorizingFlags,
  'ends-on': { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
} as const

/** Characters read from standard input: no token is half as long, whatever stands around it. */
const MOST_READ = 16 * 1024

/** A token that is handed in for one row. */
interface NewToken {
  server: Server
  row: AccessDetail
  token: string
  notes: string[]
  expires_at: string | undefined
  signal: AbortSignal
}

/**
 * `countersign token add --runtime R`: seals a token here, hands it in and waits for what the Git
 * host says of it.
 *
 * @throws {CommandError}
 */
export async function token(argv: readonly string[]): Promise<number> {
  const { values, words } = readFlagsAndWords('token', argv, flags)
  if (values.help) return help('token')
  if (words.join(' ') !== 'add') throw usageError('token', 'say what to do: token add')
  const runtime = runtimeNamed('token', 'for which runtime', values)
  const expires_at = lastMoment(values['ends-on'])
  using interrupted = interruption()
  const { signal } = interrupted
  await withRefusals(async () => {
    const { server } = await signedInForSure(values.server, { yes: values.yes ?? false, signal })
    const rows = chooseRows('token', await rowsOf(server, runtime), values.provider)
    const { runtime: on, provider } = onlyRow('token', rows)
    const params = { runtime_id: on.id, provider_id: provider.id }
    const row = await server.api.getAccess({ params })
    if (!row.token_allowed) throw notAllowed(row)
    const pasted = await askForToken(row, signal)
    await handIn({ server, row, expires_at, signal, ...pasted })
  })
  return 0
}

function lastMoment(day: string | undefined): string | undefined {
  if (day === undefined) return undefined
  const moment = new Date(`${day}T23:59:59`)
  // 31 February would be taken for a day of March.
  if (Number.isNaN(moment.getTime()) || dayOf(moment) !== day) {
    throw usageError('token', `"${day}" is no day: write --ends-on YYYY-MM-DD`)
  }
  if (moment <= new Date()) {
    const what = 'give --ends-on the last day of the token, or leave it out'
    throw usageError('token', `${day} is over: ${what}`)
  }
  return moment.toISOString()
}

function notAllowed({ runtime, provider }: AccessDetail): CommandError {
  return new CommandError(
    `Runtime "${runtime.name}" does not take pasted tokens. Authorize access to ${provider.name} ` +
      `instead: countersign authorize --runtime ${runtime.name}`,
    exitCodes.failed,
  )
}

async function askForToken(
  row: AccessDetail,
  signal: AbortSignal,
): Promise<{ token: string; notes: string[] }> {
  const { provider, runtime, token_page, required_scopes } = row
  if (isTerminal()) {
    tell(`A token for runtime "${runtime.name}" is made at ${token_page.url}`)
    tell(`It must be allowed: ${required_scopes.map(({ scope }) => scope).join(', ')}.`)
  }
  const question = `Token for ${provider.name} (not shown):`
  const { token, notes } = tidyToken(await readSecret(question, MOST_READ, signal))
  const fault = tokenFault(token, provider)
  if (fault !== undefined) {
    const sentence = `${problems[fault.type].title}. ${fault.detail} Nothing was sent.`
    throw new CommandError(sentence, exitCodes.failed)
  }
  return { token, notes }
}

async function handIn(given: NewToken): Promise<void> {
  const { server, row, signal } = given
  const { runtime, provider } = row
  const params = { runtime_id: runtime.id, provider_id: provider.id }
  const { id } = await sendSealed(given, params)
  const page = `${server.url}/tokens/${runtime.id}/${provider.id}`
  let candidate: Candidate
  try {
    candidate = await untilThere(server, signal, async () => {
      const now = await server.api.getCandidate({ params: { id } })
      return now.status === 'checking' ? undefined : now
    })
  } catch (error) {
    throw signal.aborted ? givenUp(`The token is checked all the same: see ${page}`) : error
  }
  if (candidate.status !== 'accepted') throw turnedDown(row, candidate)
  for (const note of candidate.notes) tell(note)
  tellAccepted(await server.api.getAccess({ params }))
}

/** What leaves this machine only a vault can open, and only for this person and Git host. */
async function sendSealed(
  { server, row, token: secret, notes, expires_at }: NewToken,
  params: { runtime_id: string; provider_id: string },
): Promise<Candidate> {
  const id = randomUUID()
  const { provider_id } = params
  const address = { purpose: 'candidate', row_id: id, owner_id: row.owner_id, provider_id } as const
  const box = await sealBox(row.vault_key, address, secret)
  const body = { id, ...params, box, notes, ...(expires_at !== undefined && { expires_at }) }
  return await server.api.createCandidate({ body })
}

function turnedDown(row: AccessDetail, { status, problem }: Candidate): CommandError {
  const kept = isAuthorized(row) ? 'The token before still works.' : 'Nothing was changed.'
  const why =
    status === 'not_checked'
      ? `Could not check now. ${problem?.detail ?? ''}`
      : `${problem?.title}. ${problem?.detail}`
  return new CommandError(`${why} ${kept}`, exitCodes.failed)
}

function tellAccepted(row: AccessDetail): void {
  tellAuthorized(row)
  const connection = row.authorization?.connection
  if (connection === undefined) return
  const { scopes, status, reason, expires_at } = connection
  if (scopes.length > 0) tell(mayDo(row, scopes))
  if (status !== 'valid') tell(reason)
  tell(
    expires_at === null
      ? 'When it ends is not known.'
      : `It ends on ${dayOf(new Date(expires_at))}.`,
  )
}

/** As a calendar here has it. */
function dayOf(moment: Date): string {
  return [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-')
}
