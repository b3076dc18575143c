import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')

interface BiomeConfig {
  overrides: {
    includes: string[]
    linter?: { rules?: { style?: { noRestrictedImports?: ImportRule } } }
  }[]
}

interface ImportRule {
  options: { patterns: { group: string[] }[] }
}

test('every path that ARCHITECTURE.md names is there', () => {
  const paths = [...page.matchAll(/`((?:src|sandbox|web|test|bin|bench|docs)\/[^`*{]+)`/g)]
  assert.ok(paths.length > 60)
  for (const [, path = ''] of paths) assert.ok(existsSync(join(ROOT, path)), path)
})

test('every folder of the program is in the code map', () => {
  const map = page.slice(page.indexOf('## Code map'))
  for (const entry of readdirSync(join(ROOT, 'src'), { withFileTypes: true })) {
    const path = entry.isDirectory() ? `src/${entry.name}/` : `src/${entry.name}`
    assert.ok(map.includes(`\n| \`${path}\` |`), path)
  }
})

test('the import table says what the linter enforces', () => {
  const enforced = new Map(importRules().filter(([folder]) => folder !== 'src'))
  const told = new Map(tableRows())
  assert.deepEqual([...told.keys()].toSorted(), [...enforced.keys()].toSorted())
  for (const [folder, allowed] of enforced) assert.deepEqual(told.get(folder), allowed, folder)
})

test('links from page to page lead somewhere', () => {
  const pages = [
    ...readdirSync(ROOT, { encoding: 'utf8' }),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((path) =>
      join('docs', path),
    ),
  ].filter((path) => path.endsWith('.md'))
  assert.ok(pages.length > 5)
  for (const path of pages) {
    const text = readFileSync(join(ROOT, path), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      assert.ok(existsSync(join(ROOT, dirname(path), target)), `${path} links to ${target}`)
    }
  }
})

/** Folders of ours that each folder may import from, in order. */
function tableRows(): [folder: string, allowed: string[]][] {
  const table = page.slice(page.indexOf('## Who may import what'), page.indexOf('## Code map'))
  return [...table.matchAll(/^\| `([^`]+)` \| ([^|]*)\|/gm)].map(([, folder = '', cell = '']) => [
    folder,
    cell
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ])
}

/** The exceptions from each ban of imports in biome.json, by the folder they lead to. */
function importRules(): [folder: string, allowed: string[]][] {
  const config = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as BiomeConfig
  return config.overrides.flatMap(({ includes, linter }) => {
    const rule = linter?.rules?.style?.noRestrictedImports
    if (rule === undefined) return []
    const groups = rule.options.patterns.flatMap(({ group }) => group)
    const exceptions = groups.filter((pattern) => pattern.startsWith('!'))
    const allowed = new Set(exceptions.map(folderOf).filter(isOurs))
    return includes.map((glob): [string, string[]] => [
      glob.replace(/\/\*\*$/, ''),
      [...allowed].toSorted(),
    ])
  })
}

/** What `!../policy/decide.ts` leads to is `policy`. */
function folderOf(pattern: string): string {
  return pattern.replace(/^!(\.{1,2}\/|\*\*\/)*(src\/)?/, '').split('/')[0] ?? ''
}

/** Files of the folder itself are excepted too; they are no folder to import from. */
function isOurs(name: string): boolean {
  return !name.endsWith('.ts')
}
