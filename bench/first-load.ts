// The script that a browser must load before it shows the first page.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ROOT } from './programs.ts'
import { alone, type Row } from './row.ts'

const PAGES = join(ROOT, 'dist', 'web')
const GOAL_KB = 250

/** What `index.html` names: its scripts, and the modules that it has preloaded. */
export async function measureFirstLoad(): Promise<Row[]> {
  const index = await readFile(join(PAGES, 'index.html'), 'utf8')
  const tags = index.match(/<(script|link)\b[^>]*>/g) ?? []
  const scripts = tags
    .filter((tag) => tag.startsWith('<script') || tag.includes('rel="modulepreload"'))
    .flatMap((tag) => /(?:src|href)="([^"]+)"/.exec(tag)?.[1] ?? [])
  const files = await Promise.all(scripts.map((path) => readFile(join(PAGES, path))))
  const kilobytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0) / 1000
  return [
    {
      what: 'script of the first load, gzipped',
      ours: `${kilobytes.toFixed(0)} KB in ${files.length} files`,
      reference: '',
      ratio: '',
      goal: `<= ${GOAL_KB} KB`,
      met: kilobytes <= GOAL_KB,
    },
  ]
}

if (import.meta.main) await alone(measureFirstLoad)
