#!/usr/bin/env node
// `npm test`: every check in order, up to the first that fails. Arguments choose test files by any
// part of their path: `npm test -- seal store/`.
import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { endLike, reportingSetupErrors, runInherited } from './run.js'
import { ensureChromium, ensureInstalled, ensurePages, node24, ROOT, SetupError } from './setup.js'
import { TEST_OPTIONS } from './test-options.js'

await reportingSetupErrors(async () => {
  process.chdir(ROOT)
  await ensureInstalled()
  const [chromium] = await Promise.all([ensureChromium(), ensurePages()])
  const env = chromium === undefined ? process.env : { ...process.env, CHROMIUM_BIN: chromium }
  for (const [title, args] of steps(process.argv.slice(2))) {
    console.log(`\n— ${title}`)
    const end = await runInherited(node24(), args, env)
    if (end.code !== 0) return endLike(end)
  }
})

/**
 * @param {string[]} filters
 * @returns {[title: string, args: string[]][]}
 */
function steps(filters) {
  const files = testFiles(filters)
  if (files.length === 0) throw new SetupError(`No test file matches ${filters.join(', ')}.`)
  const tsc = bin('typescript', 'bin', 'tsc')
  const colors = process.stdout.isTTY ? [] : ['--colors=off']
  const biome = [bin('@biomejs', 'biome', 'bin', 'biome'), 'ci', ...colors]
  return [
    ['Format and lint', biome],
    ['Types', [tsc, '--project', '.']],
    ['Types of the pages', [tsc, '--project', 'web']],
    ['Unused code', [bin('knip', 'bin', 'knip.js')]],
    ['Tests', [...TEST_OPTIONS, ...files]],
  ]
}

/**
 * The suites in test/forge build a real Gitea first; they have a command of their own.
 *
 * @param {string[]} filters
 */
function testFiles(filters) {
  return ['src', 'test']
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(ROOT, entry.parentPath, entry.name)))
    .map((path) => path.replaceAll(sep, '/'))
    .filter((path) => !path.startsWith('test/forge/'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
}

/** @param {string[]} path */
function bin(...path) {
  return join(ROOT, 'node_modules', ...path)
}
