import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type AuditTrail,
  allowed,
  byRuntime,
  denied,
  type Row,
  VAULT,
} from '../../harness/audit-trail.ts'
import { type Countersign, runtimeClient } from '../../harness/countersign.ts'
import { ALICE, endAccess, endGrant } from '../../harness/granted.ts'
import { authorizeWithOAuth, registerApp } from '../../harness/oauth.ts'
import { refusal } from '../../harness/problems.ts'

/** What runtimes ask of a vault, and what a vault does for that. */
export function runtimeActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, forge, provider, vault_url } = countersign
  const { host } = new URL(forge.url)
  const ada = 'ada@example.com'

  async function newRuntime(name: string) {
    const { runtime, key } = await countersign.runtime(name)
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    return { row, actor: byRuntime(runtime), vault: runtimeClient(vault_url, key) }
  }

  /** What all rows about the administrator's token on a runtime have. */
  async function aboutToken(runtime_id: string) {
    const { authorization } = await admin.access(runtime_id)
    const connection_id = authorization?.connection.id ?? ''
    return { owner_id: admin.person.id, runtime_id, connection_id }
  }

  suite('a runtime', () => {
    test('gets a credential, or not', async () => {
      const { row, actor, vault } = await newRuntime('asking')
      await admin.addToken(row, await forge.token())
      const about = await aboutToken(row.runtime_id)
      const ask = (person: string) => () =>
        vault.issueCredential({ body: { person, protocol: 'http', host, path: 'alice/hello.git' } })
      const target = `http://${host}/alice/hello.git as`
      await leaves(ask(ada), () => [allowed(actor, 'credential.issue', `${target} ${ada}`, about)])
      const problem = 'authorization-missing'
      const { runtime_id } = about
      await leaves(
        () => refusal(ask('nobody@example.com')(), problem),
        () => [
          denied(actor, 'credential.issue', `${target} nobody@example.com`, problem, {
            runtime_id,
          }),
        ],
      )
    })

    test('gets nothing for what only begins or ends like a Git host', async () => {
      const { row, actor, vault } = await newRuntime('misreading')
      await admin.addToken(row, await forge.token())
      const { runtime_id } = row
      const reason = 'host-not-registered'
      for (const written of [
        `elsewhere.invalid@${host}`,
        `${host}/elsewhere.invalid`,
        `${host}\\elsewhere.invalid`,
        `${host}?elsewhere.invalid`,
        `${host}#elsewhere.invalid`,
        encodeURIComponent(host),
      ]) {
        const asked = { person: ada, protocol: 'http', host: written, path: 'a/b' } as const
        const target = `http://${written}/a/b as ${ada}`
        await leaves(
          () => refusal(vault.issueCredential({ body: asked }), reason),
          () => [denied(actor, 'credential.issue', target, reason, { runtime_id })],
        )
      }
    })

    test('asks about a repository, with a token or without one', async () => {
      const { row, actor, vault } = await newRuntime('curious')
      const ask = () =>
        vault.readRepositoryAccess({
          body: { person: ada, protocol: 'http', host, path: 'alice/hello.git' },
        })
      const subject = `http://${host}/alice/hello.git as ${ada}`
      const { runtime_id, owner_id } = { ...row, owner_id: admin.person.id }
      const problem = 'authorization-missing'
      await leaves(
        () => refusal(ask(), problem),
        () => [denied(actor, 'repository.access', subject, problem, { runtime_id, owner_id })],
      )
      await admin.addToken(row, await forge.token())
      const about = await aboutToken(runtime_id)
      await leaves(ask, () => [allowed(actor, 'repository.access', subject, about)])
    })

    test('reports a credential that was refused, which is then checked', async () => {
      const { row, actor, vault } = await newRuntime('refused')
      await admin.addToken(row, await forge.token())
      const { runtime_id, ...about } = await aboutToken(row.runtime_id)
      await leaves(
        () => vault.reportCredential({ body: { person: ada, protocol: 'http', host } }),
        () => [
          allowed(actor, 'credential.report', `http://${host}/ as ${ada}`, {
            ...about,
            runtime_id,
          }),
          allowed(VAULT, 'connection.status', 'token of alice at Forge: valid', {
            ...about,
            ip: null,
          }),
        ],
      )
    })

    test('has a grant refreshed, and is refused once that is over', async () => {
      const { row, actor, vault } = await newRuntime('refreshing')
      const at = { url: forge.url, token: await forge.token('alice', ['all']) }
      await registerApp(admin, at, row)
      await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'custom_client' } })
      const { status } = await authorizeWithOAuth(admin, row, ALICE)
      assert.equal(status, 'completed')
      const about = await aboutToken(row.runtime_id)
      const ask = () => vault.issueCredential({ body: { person: ada, protocol: 'http', host } })
      const subject = `http://${host}/ as ${ada}`
      await endAccess(countersign, about.connection_id)
      await leaves(ask, () => [
        refreshed(about, 'refreshed'),
        allowed(actor, 'credential.issue', subject, about),
      ])
      await endAccess(countersign, about.connection_id)
      await endGrant(countersign, about.connection_id)
      const problem = 'reauthorization-required'
      await leaves(
        () => refusal(ask(), problem),
        () => [
          refreshed(about, 'gone', 'unauthorized_client'),
          denied(actor, 'credential.issue', subject, problem, about),
        ],
      )
    })
  })
}

function refreshed(
  { owner_id, connection_id }: { owner_id: string; connection_id: string },
  outcome: string,
  reason: string | null = null,
): Row {
  const about = { owner_id, connection_id, reason, ip: null }
  return allowed(VAULT, 'connection.refresh', `grant of alice at Forge: ${outcome}`, about)
}
