import type { ProviderKind } from '../../../src/contract/resources.ts'

/** Kinds of Git host, by the names that people know them by. */
export const kinds: Record<ProviderKind, string> = {
  github: 'GitHub',
  gitlab: 'GitLab',
  bitbucket: 'Bitbucket Cloud',
  'bitbucket-data-center': 'Bitbucket Data Center',
  gitea: 'Gitea',
  forgejo: 'Forgejo',
  'azure-devops': 'Azure DevOps',
}
