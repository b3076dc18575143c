import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { azureDevOps } from '../providers/azure-devops.ts'
import { bitbucketDataCenter } from '../providers/bitbucket-data-center.ts'
import { github } from '../providers/github.ts'
import type { ProviderAdapter } from '../providers/provider.ts'
import { lackingScopes } from './prove-grant.ts'

interface Scopes {
  asked: string[]
  shown: string[] | null
  answered: string[] | null
}

const lacks = (adapter: ProviderAdapter, scopes: Scopes) => lackingScopes(adapter, 'person', scopes)

suite('what a grant lacks', () => {
  test('is held against what the host shows, and else against what the answer said', () => {
    const asked = ['REPO_WRITE']
    const hidden = { asked, shown: null }
    assert.deepEqual(lacks(bitbucketDataCenter, { ...hidden, answered: ['REPO_ADMIN'] }), [])
    assert.deepEqual(lacks(bitbucketDataCenter, { ...hidden, answered: ['REPO_READ'] }), asked)
    const shown = { asked: [], shown: ['public_repo'], answered: ['repo'] }
    assert.deepEqual(lacks(github, shown), ['repo'])
  })

  test('is nothing that anybody knows of where nobody says', () => {
    assert.deepEqual(lacks(github, { asked: ['repo'], shown: null, answered: null }), [])
  })

  test('is also what was asked for beside that, where the answer says what was granted', () => {
    const asked = ['repo', 'workflow', 'offline_access']
    const shown = ['repo']
    assert.deepEqual(lacks(github, { asked, shown, answered: ['repo'] }), ['workflow'])
    assert.deepEqual(lacks(github, { asked, shown, answered: null }), [])
    assert.deepEqual(lacks(github, { asked, shown, answered: ['repo', 'workflow'] }), [])
  })

  test('is read in Entra’s names too', () => {
    const resource = '499b84ac-1321-427f-aa17-267ca6975798'
    const asked = [`${resource}/.default`, 'offline_access']
    const answer = (...names: string[]) => ({
      asked,
      shown: null,
      answered: names.map((name) => `${resource}/${name}`),
    })
    assert.deepEqual(lacks(azureDevOps, answer('user_impersonation', '.default')), [])
    assert.deepEqual(lacks(azureDevOps, answer('vso.code_full', 'vso.profile')), [])
    assert.deepEqual(lacks(azureDevOps, answer('vso.code', 'vso.profile')), ['vso.code_write'])
  })
})
