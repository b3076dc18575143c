import { suite, test } from 'node:test'
import type { Input } from '../../../src/contract/index.ts'
import { type AuditTrail, allowed, byPerson, VAULT } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import { registerApp } from '../../harness/oauth.ts'
import { startGithub } from '../../standins/github/github.ts'

/** What administrators do with people, Git hosts, apps and runtimes. */
export function administratorActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, forge, provider } = countersign
  const { api } = admin
  const ada = byPerson(admin.person)

  suite('an administrator', () => {
    test('invites somebody by their address, and withdraws that', async () => {
      const body = { role: 'admin', email: 'Neo@Example.com' } as const
      const subject = 'invitation as an administrator for neo@example.com'
      const { invite } = await leaves(
        () => api.createInvite({ body }),
        () => [allowed(ada, 'invite.create', subject)],
      )
      await leaves(
        () => api.deleteInvite({ params: { id: invite.id } }),
        () => [allowed(ada, 'invite.delete', subject)],
      )
    })

    test('changes a role, and removes a person', async () => {
      const { id } = (await countersign.person('oda')).person
      for (const [role, subject] of [
        ['admin', 'oda@example.com becomes an administrator'],
        ['member', 'oda@example.com becomes a member'],
      ] as const) {
        await leaves(
          () => api.updatePerson({ params: { id }, body: { role } }),
          () => [allowed(ada, 'person.update', subject, { owner_id: id })],
        )
      }
      await leaves(
        () => api.deletePerson({ params: { id } }),
        () => [allowed(ada, 'person.delete', 'oda@example.com', { owner_id: id })],
      )
    })

    test('adds a Git host, changes it, and removes it', async (t) => {
      const github = await startGithub()
      t.after(() => github.close())
      const address = {
        kind: 'github',
        base_url: github.url,
        private_address_confirmed: true,
      } as const
      const { id } = await leaves(
        () => api.createProvider({ body: { ...address, name: 'Octo' } }),
        () => [allowed(ada, 'provider.create', `Octo (${github.url})`)],
      )
      const params = { id }
      await leaves(
        () => api.updateProvider({ params, body: { name: 'Hub' } }),
        () => [allowed(ada, 'provider.update', `Octo (${github.url}): called Hub`)],
      )
      await leaves(
        () => api.deleteProvider({ params }),
        () => [allowed(ada, 'provider.delete', 'Hub')],
      )
    })

    test('registers a runtime, changes it, and removes it', async () => {
      const body = { name: 'prod', description: 'at first', provider_ids: [] }
      const { runtime } = await leaves(
        () => api.createRuntime({ body }),
        ({ runtime: { id } }) => [allowed(ada, 'runtime.create', 'prod', { runtime_id: id })],
      )
      const params = { id: runtime.id }
      const about = { runtime_id: runtime.id }
      const changes: [Input<'updateRuntime'>['body'], string][] = [
        [{ description: 'then', provider_ids: [provider.id] }, 'described anew, with Forge'],
        [{ provider_ids: [] }, 'without Forge'],
        [{ description: 'then ' }, 'nothing'],
      ]
      for (const [change, what] of changes) {
        await leaves(
          () => api.updateRuntime({ params, body: change }),
          () => [allowed(ada, 'runtime.update', `prod: ${what}`, about)],
        )
      }
      await leaves(
        () => api.deleteRuntime({ params }),
        () => [allowed(ada, 'runtime.delete', 'prod', about)],
      )
    })

    test('rotates and revokes a key of a runtime', async () => {
      const params = { id: (await countersign.runtime('with-keys')).runtime.id }
      const about = { runtime_id: params.id }
      await leaves(
        () => api.createRuntimeKey({ params }),
        () => [allowed(ada, 'runtime_key.create', 'with-keys', about)],
      )
      const [, older] = (await api.getRuntime({ params })).keys
      await leaves(
        () => api.deleteRuntimeKey({ params: { ...params, key_id: older?.id ?? '' } }),
        () => [allowed(ada, 'runtime_key.delete', 'with-keys', about)],
      )
    })

    test('changes how people authorize a runtime', async () => {
      const runtime_id = (await countersign.runtime('careful')).runtime.id
      const params = { runtime_id, provider_id: provider.id }
      const scopes = ['read:user', 'write:repository']
      const changes: [body: Input<'updateRuntimeProvider'>['body'], words: string][] = [
        [{}, 'nothing'],
        [{ auth_mode: 'custom_client' }, 'people authorize with an app of its own'],
        [{ auth_mode: 'token' }, 'people paste personal access tokens'],
        [
          { auth_mode: 'default_client', max_age_days: 30 },
          'people authorize with the default app, authorizations live 30 days',
        ],
        [{ max_age_days: null }, 'authorizations live without limit'],
        [{ token_allowed: true }, 'tokens may be pasted too'],
        [{ token_allowed: false }, 'tokens may not be pasted'],
        [{ skip_validation: true }, 'tokens that cannot be inspected are accepted'],
        [{ skip_validation: false }, 'tokens that cannot be inspected are not accepted'],
        [{ scopes }, 'asked for read:user write:repository'],
        [{ scopes: null }, 'the usual scopes are asked for'],
        [{ warning_days: 1 }, 'people are warned 1 day before the end'],
        [{ probe_repository: 'alice/hello' }, 'tokens are tried on alice/hello'],
        [{ probe_repository: null }, 'tokens are tried on no repository'],
      ]
      for (const [body, words] of changes) {
        const subject = `Forge on runtime careful: ${words}`
        await leaves(
          () => api.updateRuntimeProvider({ params, body }),
          () => [allowed(ada, 'runtime_provider.update', subject, { runtime_id })],
        )
      }
    })

    test('registers apps, has them tested, and removes them', async () => {
      const runtime_id = (await countersign.runtime('apart')).runtime.id
      const provider_id = provider.id
      const at = { url: forge.url, token: await forge.token('alice', ['all']) }
      for (const [place, where, about] of [
        [{ provider_id }, 'at Forge', {}],
        [{ provider_id, runtime_id }, 'at Forge of runtime apart', { runtime_id }],
      ] as const) {
        const { id, client_id } = await leaves(
          () => registerApp(admin, at, place),
          (client) => [allowed(ada, 'client.put', `app ${client.client_id} ${where}`, about)],
        )
        const subject = `app ${client_id} ${where}`
        await leaves(
          () => api.testClient({ params: { id } }),
          () => [
            allowed(ada, 'client.test', subject, about),
            allowed(VAULT, 'client.tested', `${subject}: passed`, { ...about, ip: null }),
          ],
        )
        await leaves(
          () => api.deleteClient({ params: { id } }),
          () => [allowed(ada, 'client.delete', subject, about)],
        )
      }
    })
  })
}
