import type { RepositoryName } from './provider.ts'

/**
 * The names in the path of a clone address: `acme/app.git` is `app` of `acme`. What comes after the
 * repository in Git's own requests is let go, as is the folder that the host itself is in.
 *
 * @param inside what is between host and owner, e.g. `scm` with Bitbucket Data Center
 * @returns undefined when there is no owner, no name, or something that is no name
 */
export function repositoryAtPath(
  base_url: string,
  path: string,
  inside: readonly string[] = [],
): RepositoryName | undefined {
  const names = namesBelow(base_url, path)
  if (names === undefined || !startsWith(names, inside)) return undefined
  return repositoryNamed(names.slice(inside.length))
}

/** The names of a path below the base URL's own, decoded. */
export function namesBelow(base_url: string, path: string): string[] | undefined {
  const folder = namesIn(new URL(base_url).pathname) ?? []
  const names = namesIn(path.replace(/\/(info\/refs|git-(upload|receive)-pack|info\/lfs.*)$/, ''))
  if (names === undefined || !startsWith(names, folder)) return undefined
  return names.slice(folder.length)
}

/**
 * The last name is the repository's, all before it are its owner's.
 *
 * @returns undefined when there is no owner, no name, or something that is no name
 */
export function repositoryNamed(names: readonly string[]): RepositoryName | undefined {
  const owners = names.slice(0, -1)
  const name = names.at(-1)?.replace(/\.git$/, '')
  if (name === undefined || owners.length === 0) return undefined
  return [...owners, name].every(isName) ? { owner: owners.join('/'), name } : undefined
}

/** Not one that leads to another place, a folder's own or the one above it, nor half a character. */
function isName(name: string): boolean {
  return name.isWellFormed() && !/^\.{0,2}$|[/\\?#]/.test(name)
}

/** Undefined for what could mean another place than it says. */
function namesIn(path: string): string[] | undefined {
  try {
    const names = path
      .split('/')
      .filter((name) => name !== '')
      .map(decodeURIComponent)
    return names.every(isName) ? names : undefined
  } catch {
    return undefined
  }
}

function startsWith(names: readonly string[], start: readonly string[]): boolean {
  return start.every((name, index) => names[index] === name)
}
