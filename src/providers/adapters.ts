import type { ProviderKind } from '../contract/index.ts'
import { azureDevOps } from './azure-devops.ts'
import { bitbucket } from './bitbucket.ts'
import { bitbucketDataCenter } from './bitbucket-data-center.ts'
import { forgejo } from './forgejo.ts'
import { gitea } from './gitea.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import type { ProviderAdapter } from './provider.ts'

const adapters: Record<ProviderKind, ProviderAdapter> = {
  github,
  gitlab,
  bitbucket,
  'bitbucket-data-center': bitbucketDataCenter,
  gitea,
  forgejo,
  'azure-devops': azureDevOps,
}

/** The adapter for a kind of Git host. */
export function adapterFor(kind: ProviderKind): ProviderAdapter {
  return adapters[kind]
}
