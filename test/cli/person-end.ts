import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isolated, temporaryFolder } from '../agent/git-end.ts'
import type { PersonClient } from '../harness/person.ts'
import { openTerminal, type Terminal } from '../harness/terminal.ts'
import { commandLine, startCountersign } from './countersign.ts'

export const CTRL_C = '\x03'
export const CTRL_D = '\x04'

/** Where a command waits for what somebody types. */
const QUESTION = /\[y\/N\]|\(not shown\):/

/** A command that runs, and what it says meanwhile. */
export interface Running {
  /** The first match in what it says on stdout. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  signal(name: NodeJS.Signals): void
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** An account on some machine, without anything in it, that reaches the server at `server_url`. */
export interface Account extends AsyncDisposable {
  start(...args: string[]): Running
  /** Starts it with `input` as its standard input. */
  startWithInput(input: string, ...args: string[]): Running
  run(...args: string[]): Running['ended']
  /** In a terminal of its own, at which somebody types `answer` when the first question comes. */
  startAtTerminal(answer: string, ...args: string[]): Running
  atTerminal(answer: string, ...args: string[]): Running['ended']
  /** Signs in: the person approves the code as the page does. */
  login(person: PersonClient): Promise<void>
  session_file: string
  /** Permissions of the session's file, as `0600`. */
  sessionMode(): Promise<string>
}

export async function openAccount(server_url: string): Promise<Account> {
  const folder = await temporaryFolder()
  const env = isolated({
    HOME: folder.path,
    XDG_CONFIG_HOME: join(folder.path, 'config'),
    COUNTERSIGN_SERVER_URL: server_url,
  })
  const session_file = join(folder.path, 'config', 'countersign', 'session.json')
  const startWithInput = (input: string, ...args: string[]) =>
    follow(startCountersign(args, { env }), input)
  const start = (...args: string[]) => startWithInput('', ...args)
  const startAtTerminal = (answer: string, ...args: string[]) =>
    followTerminal(openTerminal(commandLine(args), env, { at: QUESTION, keys: keysOf(answer) }))
  return {
    start,
    startWithInput,
    run: (...args) => start(...args).ended,
    async login(person) {
      const running = start('login')
      await approve(person, await shownCode(running))
      const { code, stderr } = await running.ended
      if (code !== 0) throw new Error(stderr)
    },
    startAtTerminal,
    atTerminal: (answer, ...args) => startAtTerminal(answer, ...args).ended,
    session_file,
    sessionMode: async () => `0${((await stat(session_file)).mode & 0o777).toString(8)}`,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** The code that a command shows. */
export async function shownCode(running: Running): Promise<string> {
  return (await running.says(/enter the code: (\S+)\n/))[1] ?? ''
}

export async function approve({ api }: PersonClient, user_code: string): Promise<void> {
  await api.answerDeviceSignIn({ body: { user_code, approved: true } })
}

function follow(child: ChildProcessWithoutNullStreams, input = ''): Running {
  let [stdout, stderr] = ['', '']
  const heard = new EventEmitter()
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    heard.emit('more')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
  }))
  return {
    ended,
    signal: (name) => void child.kill(name),
    says: heardIn({ shown: () => stdout, more: () => once(heard, 'more') }, ended),
  }
}

/** All that it says is on its terminal. */
function followTerminal(terminal: Terminal): Running {
  const ended = terminal.ended.then((code) => ({ code, stdout: terminal.shown(), stderr: '' }))
  return { ended, signal: terminal.signal, says: heardIn(terminal, ended) }
}

function heardIn(
  { shown, more }: Pick<Terminal, 'shown' | 'more'>,
  ended: Running['ended'],
): Running['says'] {
  return async (pattern) => {
    for (;;) {
      const match = pattern.exec(shown())
      if (match !== null) return match
      const over = await Promise.race([more().then(() => false), ended.then(() => true)])
      if (over && !pattern.test(shown())) {
        throw new Error(`it ended without a word of ${pattern}:\n${shown()}${(await ended).stderr}`)
      }
    }
  }
}

/** A control character is a key of its own; everything else ends with Enter. */
function keysOf(answer: string): string {
  return answer === CTRL_C || answer === CTRL_D ? answer : `${answer}\r`
}
