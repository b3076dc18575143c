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

/** The last name is the repository's, all before it are its owner's. */
export function repositoryNamed(names: readonly string[]): RepositoryName | undefined {
  const name = names.at(-1)?.replace(/\.git$/, '')
  const owner = names.slice(0, -1).join('/')
  return name === undefined || name === '' || owner === '' ? undefined : { owner, name }
}

/** Undefined for what could mean another place than it says. */
function namesIn(path: string): string[] | undefined {
  try {
    const names = path
      .split('/')
      .filter((name) => name !== '')
      .map(decodeURIComponent)
    return names.some((name) => /^\.\.?$|[/\\?#]/.test(name)) ? undefined : names
  } catch {
    return undefined
  }
}

function startsWith(names: readonly string[], start: readonly string[]): boolean {
  return start.every((name, index) => names[index] === name)
}
