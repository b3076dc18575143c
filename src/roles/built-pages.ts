import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../config/config-error.ts'

/**
 * Asked for before anything else is touched: a server without pages would bring the database up to
 * date and then have nothing to show.
 *
 * @throws ConfigError `folder` does not hold the pages
 */
export async function requirePages(folder: string): Promise<void> {
  const index = await stat(join(folder, 'index.html')).catch(() => undefined)
  if (index?.isFile()) return
  throw new ConfigError(
    'The pages are not built. Run `npm run build` in the folder of Countersign, then start again.',
  )
}
