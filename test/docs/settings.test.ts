import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

async function textOf(path: string): Promise<string> {
  return await readFile(join(ROOT, path), 'utf8')
}

/** Variables that the program reads: `env.NAME`, and `textOrFile(env, 'NAME')` with its file. */
function variablesRead(source: string): string[] {
  const plain = [...source.matchAll(/\benv\.([A-Z][A-Z_]+)/g)].map((match) => match[1] ?? '')
  const withFile = [...source.matchAll(/textOrFile\(env, '([A-Z_]+)'\)/g)]
  return [...plain, ...withFile.flatMap(([, name = '']) => [name, `${name}_FILE`])]
}

test('docs/administration.md has every variable that is read, and no other', async () => {
  const sources = await Promise.all(['src/config/env.ts', 'src/cli/settings.ts'].map(textOf))
  const read = new Set(sources.flatMap(variablesRead))
  const page = await textOf('docs/administration.md')
  const told = new Set(page.match(/\b(?:COUNTERSIGN_[A-Z_]*[A-Z]|DATABASE_URL(?:_FILE)?)\b/g))
  assert.ok(read.size > 15)
  assert.deepEqual([...told].toSorted(), [...read].toSorted())
})

test('each variable of the roles has a row in the table of settings', async () => {
  const page = await textOf('docs/administration.md')
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  for (const name of variablesRead(await textOf('src/config/env.ts'))) {
    assert.ok(
      rows.some((row) => row.split(' | ', 1)[0]?.includes(`\`${name}\``)),
      name,
    )
  }
})
