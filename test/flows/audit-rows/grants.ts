import { suite, test } from 'node:test'
import {
  type Actor,
  type AuditTrail,
  allowed,
  byPerson,
  type Row,
  VAULT,
} from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import { beginWithCode, outcomeOf, startGitlabForge } from '../../harness/device-forge.ts'
import { ALICE } from '../../harness/granted.ts'
import {
  answerAtForge,
  authorizeWithOAuth,
  beginOAuth,
  comeBack,
  registerApp,
} from '../../harness/oauth.ts'
import { connectionOf } from './tokens.ts'

const BOB = { login: 'bob', password: 'bob-demo' }

/** What people do with OAuth2. */
export function grantActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, forge, provider } = countersign

  /** A runtime that people authorize with an app of its own. */
  async function newRow(name: string) {
    const { runtime } = await countersign.runtime(name)
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await registerApp(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
    await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'custom_client' } })
    return row
  }

  suite('a grant', () => {
    test('is made, made anew by another account, and taken back', async () => {
      const row = await newRow('oauth')
      const person = await countersign.person('quin')
      const { api } = person
      const quin = byPerson(person.person)
      const where = 'Forge on runtime oauth'
      const about = { owner_id: quin.id, runtime_id: row.runtime_id }
      const finished = (more: { connection_id?: string }) =>
        allowed(VAULT, 'authorization_request.finish', `quin@example.com for ${where}: exchanged`, {
          ...about,
          ...more,
        })
      const granting = (more: { connection_id?: string }) => [
        allowed(quin, 'authorization_request.create', where, about),
        allowed(quin, 'authorization_request.return', `${where}: allowed`, about),
        finished(more),
      ]
      const which = async () => ({ connection_id: await connectionOf(person, row.runtime_id) })
      const allow = (account: typeof ALICE) => () => authorizeWithOAuth(person, row, account)
      await leaves(allow(ALICE), async () => granting(await which()))
      // Nothing comes of it yet: the account is another one.
      const { id } = await leaves(allow(BOB), () => granting({}))
      await leaves(
        () => api.confirmAuthorizationRequest({ params: { id } }),
        async () => [
          allowed(quin, 'authorization_request.confirm', `${where}: bob in place of alice`, about),
          finished(await which()),
        ],
      )
      const { authorization } = await person.access(row.runtime_id)
      await leaves(
        () => api.deleteAuthorization({ params: { id: authorization?.id ?? '' } }),
        () => [
          allowed(quin, 'authorization.delete', where, {
            ...about,
            connection_id: authorization?.connection.id ?? '',
          }),
          revoked(quin, 'bob at Forge: destroyed here'),
        ],
      )
    })

    test('is not made by who says no, or gives up', async () => {
      const row = await newRow('declined')
      const person = await countersign.person('rae')
      const rae = byPerson(person.person)
      const where = 'Forge on runtime declined'
      const about = { owner_id: rae.id, runtime_id: row.runtime_id }
      const first = await beginOAuth(person, row)
      const declined = { ...ALICE, granted: false }
      await leaves(
        async () => comeBack(await answerAtForge(first.authorization_url, declined), person.cookie),
        () => [allowed(rae, 'authorization_request.return', `${where}: not allowed`, about)],
      )
      const second = await beginOAuth(person, row)
      await leaves(
        () => person.api.cancelAuthorizationRequest({ params: { id: second.request.id } }),
        () => [allowed(rae, 'authorization_request.cancel', where, about)],
      )
    })

    test('is made with a code, and the Git host told when it is over', async () => {
      await using lab = await startGitlabForge(countersign)
      const person = await countersign.person('sam')
      const sam = byPerson(person.person)
      const about = { owner_id: sam.id, runtime_id: lab.runtime.id }
      const where = 'Lab on runtime on-lab'
      const { id, device } = await leaves(
        () => beginWithCode(person, lab.row),
        () => [allowed(sam, 'authorization_request.create', `${where}, with a code`, about)],
      )
      const allow = () => {
        lab.devices.approve(device?.user_code ?? '', 'carol')
        return outcomeOf(person, id)
      }
      const subject = `sam@example.com for ${where}: exchanged`
      await leaves(allow, async () => {
        const connection_id = await connectionOf(person, lab.runtime.id)
        return [
          allowed(VAULT, 'authorization_request.finish', subject, { ...about, connection_id }),
        ]
      })
      const { authorization } = await person.access(lab.runtime.id)
      await leaves(
        () => person.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } }),
        () => [
          allowed(sam, 'authorization.delete', where, {
            ...about,
            connection_id: authorization?.connection.id ?? '',
          }),
          revoked(sam, 'carol at Lab: revoked'),
        ],
      )
    })
  })
}

function revoked({ id }: Actor, what: string): Row {
  return allowed(VAULT, 'connection.revoke', `grant of ${what}`, { owner_id: id, ip: null })
}
