#!/usr/bin/env node
import { reportingSetupErrors, runCountersign } from './run.js'

await reportingSetupErrors(() => runCountersign(process.argv.slice(2)))
