#!/usr/bin/env node
// `npm run test:forge`: the suites that hold the sandbox and the adapters against a real Gitea.
// It is built from its Go module the first time; `GITEA_BIN` names one that is there already.
import { readdirSync } from 'node:fs'
import { endLike, reportingSetupErrors, runInherited } from './run.js'
import { ensureInstalled, ensurePages, node24, ROOT } from './setup.js'
import { TEST_OPTIONS } from './test-options.js'

const FOLDER = 'test/forge'

await reportingSetupErrors(async () => {
  process.chdir(ROOT)
  await ensureInstalled()
  await ensurePages()
  console.log('— Real Gitea (building it takes some minutes the first time)')
  const built = await runInherited(node24(), [`${FOLDER}/build.ts`])
  if (built.code !== 0) return endLike(built)
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${FOLDER}/${name}`)
  console.log('\n— Tests')
  endLike(await runInherited(node24(), [...TEST_OPTIONS, ...files]))
})
