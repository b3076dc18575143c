import { type CredentialRequest, ProblemError, type ProblemType } from '../../src/contract/index.ts'
import { runtimeClient } from '../harness/countersign.ts'

/** One request for a credential. `began` and `ended` are places in the order of all that happened. */
export interface Answer {
  began: number
  ended: number
  vault_url: string
  /** No other request has it, so that its audit row can be told from all others. */
  path: string
  /** The token, or the problem that came in its place. */
  token?: string
  problem?: ProblemType
}

/** Callers that ask for a credential again and again. */
export interface Load extends AsyncDisposable {
  answers: readonly Answer[]
  /** A place in the order of events, later than all before it. */
  mark(): number
  /** Resolves as soon as an answer makes `enough` true. */
  until(enough: (answer: Answer) => boolean): Promise<void>
  /** Resolves after so many more answers that fit. */
  more(count: number, fits: (answer: Answer) => boolean): Promise<void>
  /** Lets every caller finish its request. What went wrong but for problems is thrown here. */
  end(): Promise<void>
}

export interface LoadOptions {
  vault_urls: readonly string[]
  runtime_key: string
  request: CredentialRequest
  /** At each vault. */
  callers: number
}

export function startLoad({ vault_urls, runtime_key, request, callers }: LoadOptions): Load {
  const answers: Answer[] = []
  const listeners = new Set<(answer: Answer) => void>()
  let order = 0
  let ending = false
  const mark = () => {
    order += 1
    return order
  }

  async function ask(vault_url: string, path: string): Promise<Answer> {
    const vault = runtimeClient(vault_url, runtime_key)
    const began = mark()
    try {
      const { password } = await vault.issueCredential({ body: { ...request, path } })
      return { began, ended: mark(), vault_url, path, token: password }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return { began, ended: mark(), vault_url, path, problem: error.type }
    }
  }

  async function caller(vault_url: string, name: string): Promise<void> {
    for (let turn = 0; !ending; turn += 1) {
      const answer = await ask(vault_url, `${name}/${turn}.git`)
      answers.push(answer)
      for (const listener of listeners) listener(answer)
    }
  }

  const asking = vault_urls.flatMap((vault_url, vault) =>
    Array.from({ length: callers }, (_, index) => caller(vault_url, `${vault}-${index}`)),
  )
  const all = Promise.all(asking)
  // Thrown by `end`; until then it is nobody's.
  all.catch(() => {})

  function until(enough: (answer: Answer) => boolean): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const listener = (answer: Answer) => {
        if (!enough(answer)) return
        listeners.delete(listener)
        resolve()
      }
      listeners.add(listener)
    })
    return Promise.race([found, all.then(() => {})])
  }

  async function end(): Promise<void> {
    ending = true
    await all
  }

  return {
    answers,
    mark,
    until,
    more(count, fits) {
      let seen = 0
      return until((answer) => {
        if (fits(answer)) seen += 1
        return seen >= count
      })
    },
    end,
    [Symbol.asyncDispose]: end,
  }
}
