import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startSandbox } from './sandbox.ts'
import { DEMO_ACCOUNT } from './seed.ts'

const HELP = `Usage: node sandbox/main.ts [options]

A small Git host for trying Countersign, speaking a part of Gitea's API.

Options:
  --host ADDRESS         where the forge listens (default 127.0.0.1)
  --port PORT            its port, 0 for any free one (default 4010)
  --control-port PORT    the control port, on 127.0.0.1 only (default 4011)
  --data-folder FOLDER   where it keeps everything (default data/sandbox)
  --help                 print this and end
`

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '4010' },
    'control-port': { type: 'string', default: '4011' },
    'data-folder': { type: 'string', default: 'data/sandbox' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  process.stdout.write(HELP)
} else {
  const sandbox = await startSandbox({
    host: values.host,
    port: Number(values.port),
    control_port: Number(values['control-port']),
    data_folder: resolve(values['data-folder']),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, sandbox.close)
  process.stdout.write(`The sandbox forge is at ${sandbox.url}
Sign in as ${DEMO_ACCOUNT.login} with the password ${DEMO_ACCOUNT.password}
The control port is at ${sandbox.control_url}
`)
}
