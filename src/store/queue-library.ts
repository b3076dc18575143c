import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'

const INSTALLATION = join(import.meta.dirname, '..', '..')

/**
 * The library of the job queue. While it loads it looks for configuration of its own, code too, in the
 * current folder and those above it, up to the home of this account. Whoever may write there has no say
 * in what a vault does, so it loads where there is none; and an account without a home can load it.
 *
 * @see https://worker.graphile.org/docs/config
 */
export const { Logger, run, runMigrations } = loadedInside(INSTALLATION, () =>
  createRequire(import.meta.url)('graphile-worker'),
) as typeof import('graphile-worker')

/** What `load` returns, for which `folder` is the current one, and home. */
function loadedInside<T>(folder: string, load: () => T): T {
  const { HOME } = process.env
  const current = process.cwd()
  process.chdir(folder)
  process.env.HOME = folder
  try {
    return load()
  } finally {
    process.chdir(current)
    if (HOME === undefined) delete process.env.HOME
    else process.env.HOME = HOME
  }
}
