import type { WriteStream } from 'node:tty'
import { shellWord } from '../contract/index.ts'
import type { Ready } from './up.ts'

/** Tells a person at a terminal what is being done, and in the end what to do next. */
export interface StartScreen {
  onProgress: (step: string) => void
  onReady: (ready: Ready) => void
  onFailure: () => void
}

/** On a terminal each step takes the place of the one before; elsewhere each has a line. */
export function startScreen(out: WriteStream): StartScreen {
  const started = performance.now()
  const clear = out.isTTY ? '\r\u001b[K' : ''
  const end = out.isTTY ? '' : '\n'
  return {
    onProgress: (step) => out.write(`${clear}${step} …${end}`),
    onReady: (ready) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      out.write(`${clear}${screenText(ready, seconds)}`)
    },
    onFailure: () => out.write(clear),
  }
}

function screenText(ready: Ready, seconds: string): string {
  const { login, password } = ready.sandbox_account
  const { email, authorized } = ready.person ?? { email: 'YOUR-E-MAIL', authorized: false }
  const config = ready.config_path === null ? '' : ` --config ${shellWord(ready.config_path)}`
  const first =
    ready.setup_url === null
      ? `  Pages           ${ready.page_url}`
      : `  Open this once  ${ready.setup_url}\n` +
        '                  it makes you the administrator'
  const notice = ready.page_url_notice === undefined ? '' : `\n  ${ready.page_url_notice}\n`
  return `
Countersign is ready (${seconds} s)

${first}
  Sandbox forge   ${ready.sandbox_url}
                  sign in as ${login} with the password ${password}
${notice}
  ${authorized ? 'Try' : 'Add a token on the page, then try'} in another terminal:
    npx countersign run${config} --as ${shellWord(email)} -- git clone ${ready.sandbox_url}/${login}/hello.git ../hello

  Ctrl-C stops everything; the next start finds it as it was.
`
}
