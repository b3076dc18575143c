import type { ProviderSummary } from '../../../src/contract/resources.ts'

/**
 * What an administrator typed or pasted as a repository, as `acme/app`: of an address the parts
 * that belong to the host are taken away. Undefined for what names none; nothing for nothing.
 */
export function repositoryFrom(
  typed: string,
  { kind, base_url }: ProviderSummary,
): string | undefined {
  const text = typed.trim()
  if (text === '') return ''
  const base = `${base_url.replace(/\/+$/, '')}/`
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) && !text.startsWith(base)) return undefined
  const path = (text.startsWith(base) ? text.slice(base.length) : text)
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '')
  const named =
    kind === 'azure-devops'
      ? path.replace(/(^|\/)_git\//, '$1')
      : kind === 'bitbucket-data-center'
        ? path.replace(/^scm\//, '')
        : path
  return /^[^\s/?#:\\]+(\/[^\s/?#:\\]+)+$/.test(named) ? named : undefined
}
