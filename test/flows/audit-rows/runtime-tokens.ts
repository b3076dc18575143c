import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type AuditTrail, allowed, byPerson, denied, VAULT } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import { outcomeOf } from '../../harness/device-forge.ts'
import { ALICE } from '../../harness/granted.ts'
import {
  answerAtForge,
  authorizeWithOAuth,
  beginRuntimeOAuth,
  comeBack,
  registerApp,
} from '../../harness/oauth.ts'
import { refusal } from '../../harness/problems.ts'

const BOB = { login: 'bob', password: 'bob-demo' }

/** What administrators do with a runtime's own token. */
export function runtimeTokenActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, forge, provider } = countersign
  const { api } = admin
  const ada = byPerson(admin.person)

  /** A new runtime with an app of its own, and what all rows about its token have. */
  async function newRuntime(name: string) {
    const { runtime } = await countersign.runtime(name)
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    const at = { url: forge.url, token: await forge.token('alice', ['all']) }
    await registerApp(admin, at, row)
    return { row, about: { owner_id: runtime.id, runtime_id: runtime.id } }
  }

  /** What a row is about, with the token that there is now. */
  async function withToken<About extends object>(
    row: { runtime_id: string; provider_id: string },
    about: About,
  ) {
    const { connection } = await api.getRuntimeToken({ params: row })
    return { ...about, connection_id: connection?.id ?? '' }
  }

  suite("a runtime's own token", () => {
    test('is handed in, checked and deleted', async () => {
      const { row, about } = await newRuntime('robotic')
      const own = 'own token of runtime robotic for Forge'
      await leaves(
        async () => admin.addRuntimeToken(row, await forge.token()),
        async () => [
          allowed(ada, 'runtime_token.create', own, about),
          allowed(VAULT, 'candidate.finish', `${own}: accepted`, await withToken(row, about)),
        ],
      )
      const which = await withToken(row, about)
      await leaves(
        () => api.checkRuntimeToken({ params: row }),
        () => [
          allowed(ada, 'runtime_token.check', `alice, ${own}`, which),
          allowed(VAULT, 'connection.status', 'token of alice at Forge: valid', {
            ...which,
            runtime_id: null,
            ip: null,
          }),
        ],
      )
      await leaves(
        () => api.deleteRuntimeToken({ params: row }),
        () => [allowed(ada, 'runtime_token.delete', `alice, ${own}`, which)],
      )
    })

    test('is granted, and by another account when an administrator confirms that', async () => {
      const { row, about } = await newRuntime('granted')
      const itself = 'runtime granted itself'
      const allow = (account: typeof ALICE) => () =>
        authorizeWithOAuth(admin, row, account, beginRuntimeOAuth)
      const finished = (which: typeof about) =>
        allowed(VAULT, 'authorization_request.finish', `${itself} for Forge: exchanged`, which)
      const granting = (which: typeof about) => [
        allowed(ada, 'runtime_token.authorize', `${itself} at Forge`, about),
        allowed(ada, 'runtime_token.return', `${itself} at Forge: allowed`, about),
        finished(which),
      ]
      await leaves(allow(ALICE), async () => granting(await withToken(row, about)))
      const { id, status } = await leaves(allow(BOB), () => granting(about))
      assert.equal(status, 'account_changed')
      await leaves(
        async () => {
          await api.confirmAuthorizationRequest({ params: { id } })
          await outcomeOf(admin, id)
        },
        async () => [
          allowed(ada, 'runtime_token.confirm', `${itself} at Forge: bob in place of alice`, about),
          finished(await withToken(row, about)),
          allowed(VAULT, 'connection.revoke', 'grant of alice at Forge: destroyed here', {
            owner_id: row.runtime_id,
            ip: null,
          }),
        ],
      )
    })

    test('is given up on the way', async () => {
      const { row, about } = await newRuntime('given-up')
      const { request } = await beginRuntimeOAuth(admin, row)
      await leaves(
        () => api.cancelAuthorizationRequest({ params: { id: request.id } }),
        () => [
          allowed(ada, 'authorization_request.cancel', 'runtime given-up itself at Forge', about),
        ],
      )
    })

    test('is not granted by who is no administrator any more', async () => {
      const { row, about } = await newRuntime('guarded')
      const pia = await countersign.person('pia')
      const { id } = pia.person
      const role = (role: 'admin' | 'member') =>
        admin.api.updatePerson({ params: { id }, body: { role } })
      await role('admin')
      await authorizeWithOAuth(pia, row, ALICE, beginRuntimeOAuth)
      const asked = await authorizeWithOAuth(pia, row, BOB, beginRuntimeOAuth)
      const { authorization_url } = await beginRuntimeOAuth(pia, row)
      const callback = await answerAtForge(authorization_url, ALICE)
      await role('member')
      const itself = 'runtime guarded itself at Forge'
      const reason = 'not-an-administrator'
      await leaves(
        () => comeBack(callback, pia.cookie),
        () => [
          denied(byPerson(pia.person), 'runtime_token.return', `${itself}: allowed`, reason, about),
        ],
      )
      await leaves(
        () => refusal(pia.api.confirmAuthorizationRequest({ params: { id: asked.id } }), reason),
        () => [
          denied(
            byPerson(pia.person),
            'runtime_token.confirm',
            `${itself}: bob in place of alice`,
            reason,
            about,
          ),
        ],
      )
    })
  })
}
