import assert from 'node:assert/strict'
import { cp, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { execute, temporaryFolder } from '../agent/git-end.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const BUILD = "import('./bin/setup.js').then(({ ensurePages }) => ensurePages())"

test('the pages are built in a folder whose name no address could have as it is', async () => {
  await using parent = await temporaryFolder()
  const clone = join(parent.path, '100% counter sign ü #1')
  for (const part of ['bin', 'src', 'web', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    await cp(join(ROOT, part), join(clone, part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  const { code, stderr } = await execute(process.execPath, ['-e', BUILD], { cwd: clone })
  assert.equal(code, 0, stderr)
  assert.match(await readFile(join(clone, 'dist', 'web', 'index.html'), 'utf8'), /<div id="root">/)
})
