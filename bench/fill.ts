// `git credential fill`, whole processes, through the agent and in two other ways.
import { measureCredentialFill, type StartedVault } from './credential-fill.ts'
import { ms, times } from './figures.ts'
import { startInstallation } from './installation.ts'
import { alone, type Row, type Scale } from './row.ts'

export async function measureFill({ quick }: Scale): Promise<Row[]> {
  const figures = await measureCredentialFill(startVault, quick ? 8 : 20)
  return [
    {
      what: 'git credential fill through the agent | git credential-store',
      ours: ms(figures.agent_ms),
      reference: ms(figures.store_ms),
      ratio: times(figures.agent_to_store),
      goal: '<= 1.3x',
      met: figures.agent_to_store <= 1.3,
    },
    {
      what: 'the same | a helper started with node',
      ours: ms(figures.agent_ms),
      reference: ms(figures.node_ms),
      ratio: `${times(figures.node_to_agent)} faster`,
      goal: '>= 15x faster',
      met: figures.node_to_agent >= 15,
    },
    {
      what: 'a socket with nothing behind it | git credential-store',
      ours: ms(figures.socket_ms),
      reference: ms(figures.store_ms),
      ratio: times(figures.socket_to_store),
      goal: '',
      met: null,
    },
    {
      what: 'the same | a helper started with node',
      ours: ms(figures.socket_ms),
      reference: ms(figures.node_ms),
      ratio: `${times(figures.node_to_socket)} faster`,
      goal: '',
      met: null,
    },
  ]
}

async function startVault(): Promise<StartedVault> {
  await using resources = new AsyncDisposableStack()
  const installation = resources.use(await startInstallation({ people: 1, runtimes: 1 }))
  const [grant] = installation.grants
  if (grant === undefined) throw new Error('nobody has authorized anything')
  const kept = resources.move()
  return {
    ...grant,
    vault_url: installation.vault_url,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

if (import.meta.main) await alone(measureFill)
