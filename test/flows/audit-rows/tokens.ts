import { suite, test } from 'node:test'
import { type AuditTrail, allowed, byPerson, VAULT } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import type { PersonClient } from '../../harness/person.ts'

/** What people do with tokens that they paste. */
export function tokenActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, forge, provider } = countersign
  const { api } = admin
  const ada = byPerson(admin.person)

  suite('a token', () => {
    const owner_id = admin.person.id
    let one = { runtime_id: '', provider_id: provider.id }
    let two = one

    test('is added', async () => {
      one = { ...one, runtime_id: (await countersign.runtime('one')).runtime.id }
      two = { ...two, runtime_id: (await countersign.runtime('two')).runtime.id }
      await leaves(
        async () => admin.addToken(one, await forge.token()),
        () => accepted(),
      )
    })

    test('is used for another runtime', async () => {
      const connection_id = await connectionOf(admin, one.runtime_id)
      const subject = 'Forge on runtime two, with an existing token'
      const { runtime_id } = two
      await leaves(
        () => api.createAuthorization({ body: { ...two, connection_id } }),
        () => [
          allowed(ada, 'authorization.create', subject, { owner_id, runtime_id, connection_id }),
        ],
      )
    })

    test('is not replaced by a bad one', async () => {
      await leaves(
        () => admin.addToken(one, '0'.repeat(40)),
        () => handedIn('refused', { reason: 'token-rejected' }),
      )
    })

    test('is replaced by a good one, which cannot be sealed', async () => {
      await leaves(
        async () => admin.addTokenInClear(one, await forge.token()),
        () => accepted(),
      )
    })

    test('is checked', async () => {
      const about = { owner_id, connection_id: await connectionOf(admin, one.runtime_id) }
      await leaves(
        () => admin.checkNow(one.runtime_id),
        () => [
          allowed(ada, 'connection.check', 'token of alice at Forge', about),
          allowed(VAULT, 'connection.status', 'token of alice at Forge: valid', {
            ...about,
            ip: null,
          }),
        ],
      )
    })

    test('has its notice hidden and shown, for one runtime', async () => {
      const { runtime_id } = two
      const connection_id = await connectionOf(admin, runtime_id)
      const about = { owner_id, runtime_id, connection_id }
      const params = { id: (await admin.access(runtime_id)).authorization?.id ?? '' }
      for (const [notice_hidden, what] of [
        [true, 'hidden'],
        [false, 'shown'],
      ] as const) {
        await leaves(
          () => api.updateAuthorization({ params, body: { notice_hidden } }),
          () => [
            allowed(ada, 'authorization.update', `notice ${what} for Forge on runtime two`, about),
          ],
        )
      }
    })

    test('is deleted, for one runtime and then for the other', async () => {
      for (const [name, { runtime_id }] of [
        ['one', one],
        ['two', two],
      ] as const) {
        const connection_id = await connectionOf(admin, runtime_id)
        const id = (await admin.access(runtime_id)).authorization?.id ?? ''
        const about = { owner_id, runtime_id, connection_id }
        await leaves(
          () => api.deleteAuthorization({ params: { id } }),
          () => [allowed(ada, 'authorization.delete', `Forge on runtime ${name}`, about)],
        )
      }
    })

    async function accepted() {
      return handedIn('accepted', { connection_id: await connectionOf(admin, one.runtime_id) })
    }

    function handedIn(outcome: string, more: { reason?: string; connection_id?: string }) {
      const about = { owner_id, runtime_id: one.runtime_id }
      const subject = `token of ada@example.com for Forge on runtime one: ${outcome}`
      return [
        allowed(ada, 'candidate.create', 'token for Forge on runtime one', about),
        allowed(VAULT, 'candidate.finish', subject, { ...about, ...more }),
      ]
    }
  })
}

/** The token that somebody's runtime uses. */
export async function connectionOf(person: PersonClient, runtime_id: string): Promise<string> {
  const { authorization } = await person.access(runtime_id)
  return authorization?.connection.id ?? ''
}
