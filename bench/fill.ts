// `git credential fill`, whole processes, through an agent and in three other ways.
import { sandboxToken, startUp } from '../test/harness/up.ts'
import { type Figures, measureCredentialFill, type StartedVault } from './credential-fill.ts'
import { ms, times } from './figures.ts'
import { alone, type Row, type Scale } from './row.ts'

export async function measureFill({ quick }: Scale): Promise<Row[]> {
  const figures = await measureCredentialFill(startVault, quick ? 8 : 20)
  return [
    row(figures, 'the agent of countersign up', 'agent', 'store', 1.3),
    row(figures, 'the agent of countersign up', 'agent', 'node', 15),
    row(figures, 'an agent in a process of its own', 'apart', 'store'),
    row(figures, 'an agent in a process of its own', 'apart', 'node'),
    row(figures, 'a socket with nothing behind it', 'socket', 'store'),
    row(figures, 'a socket with nothing behind it', 'socket', 'node'),
  ]
}

/** At most `goal` times as long as `store`, or at least `goal` times faster than `node`. */
function row(
  { times_ms, ratio }: Figures,
  what: string,
  helper: 'agent' | 'apart' | 'socket',
  reference: 'store' | 'node',
  goal?: number,
): Row {
  const slower = reference === 'store'
  const value = slower ? ratio(helper, 'store') : ratio('node', helper)
  const name = slower ? 'git credential-store' : 'a helper started with node'
  const goals = slower ? `<= ${goal}x` : `>= ${goal}x faster`
  return {
    what: `git credential fill through ${what} | ${name}`,
    ours: ms(times_ms[helper]),
    reference: ms(times_ms[reference]),
    ratio: slower ? times(value) : `${times(value)} faster`,
    goal: goal === undefined ? '' : goals,
    met: goal === undefined ? null : slower ? value <= goal : value >= goal,
  }
}

/** As after `npm start`: everything in one process, and one person who has authorized it. */
async function startVault(): Promise<StartedVault> {
  await using resources = new AsyncDisposableStack()
  const up = resources.use(await startUp())
  const password = await sandboxToken(up.sandbox_url)
  await up.ada.addToken(up.row, password)
  const person = up.ada.person.email
  const socket_path = await up.socketOf(person)
  const kept = resources.move()
  return {
    ...up.settings,
    person,
    base_url: up.sandbox_url,
    username: 'oauth2',
    password,
    socket_path,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

if (import.meta.main) await alone(measureFill)
