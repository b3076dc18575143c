import { type Access, type AccessDetail, isUsable } from '../contract/index.ts'
import { type Server, untilThere } from './server.ts'
import { CommandError, exitCodes, tell, usageError } from './terminal.ts'

/** Whether a runtime can act with what the person has authorized. */
export function isAuthorized({ authorization }: Pick<Access, 'authorization'>): boolean {
  return isUsable(authorization?.connection.status)
}

/** Whether nobody knows at the moment if a runtime can act. */
function isBeingChecked({ authorization }: Pick<Access, 'authorization'>): boolean {
  return authorization?.connection.status === 'checking'
}

/**
 * What the person can authorize on a runtime.
 *
 * @param runtime its name or id
 * @throws {CommandError} there is no such runtime
 */
export async function rowsOf(server: Server, runtime: string): Promise<Access[]> {
  const rows: Access[] = []
  let cursor: string | null = null
  do {
    const query: { limit: number; cursor?: string } = { limit: 100 }
    if (cursor !== null) query.cursor = cursor
    const page = await server.api.listAccess({ query })
    rows.push(...page.items.filter((row) => [row.runtime.id, row.runtime.name].includes(runtime)))
    cursor = page.next_cursor
  } while (cursor !== null)
  if (rows.length > 0) return rows
  throw new CommandError(
    `There is no runtime "${runtime}" with a Git host that you can authorize. See ${server.url}/tokens`,
    exitCodes.failed,
  )
}

/**
 * The rows that are meant: the one of the named provider; else the only one, the only one that is
 * not authorized, or, when all are, all of them.
 *
 * @param command which asks
 * @param provider its name, host or address
 * @throws {CommandError} it has to be named
 */
export function chooseRows(
  command: string,
  rows: readonly Access[],
  provider: string | undefined,
): readonly Access[] {
  const named = provider === undefined ? rows : rows.filter((row) => isNamed(row, provider))
  if (named.length === 0) {
    throw usageError(
      command,
      `runtime "${rows[0]?.runtime.name}" has no Git host "${provider}", but ${namesOf(rows)}`,
    )
  }
  const open = named.filter((row) => !isAuthorized(row))
  if (named.length === 1 || open.length === 0) return named
  if (open.length === 1) return open
  throw usageError(command, `say for which Git host, with --provider: ${namesOf(open)}`)
}

/**
 * The rows that are meant. A check of theirs that is under way is waited for: it says soon whether
 * anything is left to do.
 *
 * @throws {CommandError} those of `rowsOf` and `chooseRows`
 */
export async function settledRows(
  server: Server,
  runtime: string,
  provider: string | undefined,
  signal: AbortSignal,
): Promise<readonly Access[]> {
  const chosen = async () => chooseRows('authorize', await rowsOf(server, runtime), provider)
  const rows = await chosen()
  if (!rows.some(isBeingChecked)) return rows
  tell('The Git host is being asked about the token there is (Ctrl-C gives up).')
  return await untilThere(server, signal, async () => {
    const now = await chosen()
    return now.some(isBeingChecked) ? undefined : now
  })
}

/** The one row that was chosen. @throws {CommandError} there are several */
export function onlyRow(command: string, [row, ...more]: readonly Access[]): Access {
  if (row !== undefined && more.length === 0) return row
  throw usageError(command, 'say for which Git host, with --provider')
}

/** What somebody is allowed to do, and why it is needed; nothing where that is not known. */
export function mayDo(
  { required_scopes, requested_scopes }: AccessDetail,
  scopes: readonly string[],
): string {
  const known = [...required_scopes, ...requested_scopes]
  const reasons = new Map(known.map(({ scope, reason }) => [scope, reason]))
  const named = scopes.map((scope) => {
    const reason = reasons.get(scope)
    return reason === undefined ? scope : `${scope} (${reason})`
  })
  return named.length === 0 ? '' : `It may do: ${named.join(', ')}.`
}

export function tellAuthorized({ runtime, provider, authorization }: Access): void {
  const login = authorization?.connection.account.login
  tell(`Runtime "${runtime.name}" is authorized for ${provider.name}, as ${login}.`)
}

function isNamed({ provider }: Access, word: string): boolean {
  const { host, origin } = new URL(provider.base_url)
  const words = [provider.name.toLowerCase(), host, origin, provider.base_url]
  return words.includes(word.toLowerCase().replace(/\/$/, '')) || provider.id === word
}

function namesOf(rows: readonly Access[]): string {
  return rows
    .map(({ provider }) => `"${provider.name}" (${new URL(provider.base_url).host})`)
    .join(', ')
}
