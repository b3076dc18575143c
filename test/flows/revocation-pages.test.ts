import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const gitlab = await startGitlab()
after(() => gitlab.close())
const { admin, provider: gitea } = countersign

test('a person is told where a token or a grant ends, and whether we end the grant', async () => {
  const { id } = await admin.api.createProvider({
    body: {
      kind: 'gitlab',
      name: 'GitLab',
      base_url: gitlab.url,
      private_address_confirmed: true,
    },
  })
  const { runtime } = await admin.api.createRuntime({
    body: { name: 'both', provider_ids: [id, gitea.id] },
  })
  const revocation = async (provider_id: string) =>
    (await admin.api.getAccess({ params: { runtime_id: runtime.id, provider_id } })).revocation
  assert.deepEqual(await revocation(id), {
    token_page: `${gitlab.url}/-/user_settings/personal_access_tokens`,
    grant_page: `${gitlab.url}/-/user_settings/applications`,
    grants_revoked: true,
  })
  // Gitea has no call for it.
  const settings = `${gitea.base_url}/user/settings/applications`
  assert.deepEqual(await revocation(gitea.id), {
    token_page: settings,
    grant_page: settings,
    grants_revoked: false,
  })
})
