import { homedir } from 'node:os'
import { isAbsolute } from 'node:path'

/**
 * The home of whoever runs this. Undefined where there is none, as for an account of a container that
 * has a number only; an empty `HOME` is none either, so that nothing is looked for where we happen to
 * be.
 */
export function homeFolder(): string | undefined {
  let folder: string
  try {
    folder = homedir()
  } catch {
    return undefined
  }
  return isAbsolute(folder) ? folder : undefined
}
