import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { problems } from '../../src/contract/index.ts'

const page = await readFile(join(import.meta.dirname, '../../docs/problems.md'), 'utf8')

/** What stands below each heading that names a type. */
const sections = new Map(
  page
    .split(/^(?=#+ )/m)
    .map((section) => [/^### `(.*)`\n/.exec(section)?.[1], section] as const)
    .filter(([type]) => type !== undefined),
)

test('every problem has a section, with its status and title', () => {
  for (const [type, { status, title }] of Object.entries(problems)) {
    const section = sections.get(type)
    assert.ok(section, `docs/problems.md has no section for ${type}`)
    assert.ok(section.includes(`\nStatus ${status}: ${title}.\n`), type)
  }
})

test('every section says when the problem comes and what to do', () => {
  for (const [type, section] of sections) {
    assert.match(section, /\n- \*\*When:\*\* .+\n- \*\*What to do:\*\* .+\n/, type)
  }
})

test('every section is about a problem that there is, and no problem has two', () => {
  const headings = page.match(/^### .*$/gm) ?? []
  assert.equal(headings.length, sections.size)
  for (const type of sections.keys()) assert.ok(Object.hasOwn(problems, type ?? ''), type)
})
