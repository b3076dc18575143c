#!/usr/bin/env node
// `npm run build`: makes a clone ready to run any role, and starts nothing.
import { reportingSetupErrors } from './run.js'
import { ensureInstalled, ensurePages } from './setup.js'

await reportingSetupErrors(async () => {
  await ensureInstalled()
  await ensurePages()
  console.log('Everything is installed, and the pages are built.')
})
