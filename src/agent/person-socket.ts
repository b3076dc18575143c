import type { ActsFor } from '../contract/index.ts'
import { type AnswerOptions, answerRequest } from './answer.ts'
import { atMost } from './at-most.ts'
import { openSocket } from './socket.ts'
import { claimSocketFolder, createSocketFolder, type SocketPlace } from './socket-folder.ts'

export interface PersonSocket extends AsyncDisposable {
  socket_path: string
  place: () => Promise<SocketPlace>
}

export interface PersonSocketOptions extends AnswerOptions {
  /** Where agents keep their sockets; without it, in a place of its own that nobody can guess. */
  socket_folder?: string
}

/** Of the calls to the vault that an agent may have under way: one person leaves room for others. */
const MOST_AT_ONCE = 16

/** A socket at which Git gets the credentials of one person, or the runtime's own. Disposal removes it and its folder. */
export async function openPersonSocket(options: PersonSocketOptions): Promise<PersonSocket> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(
    options.socket_folder === undefined
      ? await createSocketFolder()
      : await claimSocketFolder(options.socket_folder, folderFor(options.acts_for)),
  )
  const inLine = atMost(MOST_AT_ONCE)
  stack.use(
    await openSocket({
      folder,
      answer: (request, signal) => inLine(() => answerRequest(request, options, signal)),
    }),
  )
  const opened = stack.move()
  return {
    socket_path: folder.socket_path,
    place: folder.place,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The folder of the runtime's own socket; no person has such a name. */
export const OWN_FOLDER = 'runtime'

function folderFor(acts_for: ActsFor): string {
  return 'person' in acts_for ? folderName(acts_for.person) : OWN_FOLDER
}

/** One folder name for each person: everything but what e-mail addresses are made of is escaped. */
export function folderName(person: string): string {
  const bytes = new TextEncoder().encode(person.toLowerCase())
  const name = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte)
    return /[a-z0-9@._+-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
  return name.replace(/^\./, '%2e')
}
