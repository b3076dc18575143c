#!/usr/bin/env node
// `npm start`: from a fresh clone to a running Countersign.
import { reportingSetupErrors, runCountersign } from './run.js'
import { ensureInstalled, ensurePages } from './setup.js'

await reportingSetupErrors(async () => {
  await ensureInstalled()
  await ensurePages()
  await runCountersign(['up', ...process.argv.slice(2)])
})
