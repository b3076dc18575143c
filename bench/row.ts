import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { ROOT } from './programs.ts'

/** One line of the table. */
export interface Row {
  what: string
  ours: string
  /** What ours is held against; empty where the goal is an amount. */
  reference: string
  ratio: string
  goal: string
  /** Null: reported, without a goal. */
  met: boolean | null
}

export interface Scale {
  /** Fewer rounds, for a machine that runs this on every change. */
  quick: boolean
  /** The sizes that the goals name, where a smaller one with the same ratios is the default. */
  full: boolean
}

export type Measure = (scale: Scale) => Promise<Row[]>

/** Runs one benchmark and prints its part of the table. */
export async function alone(measure: Measure): Promise<void> {
  buildPages()
  process.stdout.write(`${tableOf(await measure(scaleFrom(process.argv)))}\n`)
}

/** Builds the pages, unless they were; only the table goes to standard output. */
export function buildPages(): void {
  execFileSync(process.execPath, [join(ROOT, 'bin', 'build.js')], { stdio: ['ignore', 2, 2] })
}

export function scaleFrom(argv: readonly string[]): Scale {
  return { quick: argv.includes('--quick'), full: argv.includes('--full') }
}

/** The rows as a table in Markdown, which is as good to read on a terminal. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['what', 'ours', 'reference', 'ratio', 'goal', 'met']
  const body = rows.map(({ what, ours, reference, ratio, goal, met }) => [
    what,
    ours,
    reference,
    ratio,
    goal,
    met === null ? '' : met ? 'yes' : 'NO',
  ])
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(head), rule, ...body.map(line)].join('\n')
}
