import { help } from './help.ts'
import { interruption } from './interruption.ts'
import { readFlags, serverFlags } from './options.ts'
import { withRefusals } from './server.ts'
import { endKeptSession, signedIn, signIn } from './sign-in.ts'
import { CommandError, exitCodes, tell } from './terminal.ts'

/** `countersign login`: signs the person in on this command line. @throws {CommandError} */
export async function login(argv: readonly string[]): Promise<number> {
  const values = readFlags('login', argv, serverFlags, 'give the address with --server')
  if (values.help) return help('login')
  using interrupted = interruption()
  const { signal } = interrupted
  return await withRefusals(async () => {
    const { url, session } = await signedIn(values.server, signal)
    if (session === undefined) await signIn(url, signal)
    else tell(`You are signed in already, as ${session.person.email}.`)
    return 0
  })
}

/** `countersign logout`: ends the session of this command line. @throws {CommandError} */
export async function logout(argv: readonly string[]): Promise<number> {
  const values = readFlags('logout', argv, { help: serverFlags.help })
  if (values.help) return help('logout')
  using interrupted = interruption()
  const ended = await endKeptSession(interrupted.signal)
  tell(ended ? 'Signed out.' : 'Nobody was signed in.')
  return 0
}

/** `countersign whoami`: says who is signed in, and where. @throws {CommandError} */
export async function whoami(argv: readonly string[]): Promise<number> {
  const values = readFlags('whoami', argv, serverFlags)
  if (values.help) return help('whoami')
  using interrupted = interruption()
  return await withRefusals(async () => {
    const { url, session } = await signedIn(values.server, interrupted.signal)
    if (session === undefined) {
      const how = `countersign login --server ${url}`
      throw new CommandError(`Nobody is signed in at ${url}: ${how}`, exitCodes.failed)
    }
    tell(`${session.person.email} at ${url}`)
    return 0
  })
}
