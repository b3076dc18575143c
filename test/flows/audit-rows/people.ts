import { suite, test } from 'node:test'
import { createClient } from '../../../src/contract/index.ts'
import { type AuditTrail, allowed, byPerson, denied, SETUP } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import { joinAs, PASSWORD } from '../../harness/person.ts'
import { refusal } from '../../harness/problems.ts'

const NEW_PASSWORD = 'another battery staple'

/** What people do with their accounts and sessions. */
export function peopleActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { admin, page_url } = countersign
  const ada = byPerson(admin.person)

  suite('somebody', () => {
    test('is invited, and joins', async () => {
      const invite = () => admin.api.createInvite({ body: { role: 'member' } })
      const { url } = await leaves(invite, () => [
        allowed(ada, 'invite.create', 'invitation as a member'),
      ])
      const join = () => joinAs(page_url, url.split('#')[1] ?? '', 'jo')
      await leaves(join, ({ person }) => [
        allowed(SETUP, 'invite.accept', 'jo@example.com joined as a member', {
          owner_id: person.id,
        }),
      ])
    })

    test('signs out and in, under the address that they have here', async () => {
      const { api, person } = await countersign.person('kim')
      const kim = byPerson(person)
      const owner_id = person.id
      await leaves(
        () => api.signOut({}),
        () => [allowed(kim, 'session.delete', 'signed out', { owner_id })],
      )
      const wrong = { email: 'Kim@Example.com', password: 'not this one' }
      await leaves(
        () => refusal(api.signIn({ body: wrong }), 'sign-in-failed'),
        () => [denied(kim, 'session.create', 'wrong password', 'sign-in-failed', { owner_id })],
      )
      const right = { email: 'Kim@Example.com', password: PASSWORD }
      await leaves(
        () => api.signIn({ body: right }),
        () => [allowed(kim, 'session.create', 'signed in', { owner_id })],
      )
    })

    test('whom nobody knows is not let in, and their address not kept', async () => {
      const anybody = createClient({ base_url: page_url })
      const body = { email: 'a password by mistake', password: PASSWORD }
      const nobody = { kind: 'person', name: 'unknown', id: null } as const
      const subject = 'an e-mail address that nobody has'
      await leaves(
        () => refusal(anybody.signIn({ body }), 'sign-in-failed'),
        () => [denied(nobody, 'session.create', subject, 'sign-in-failed')],
      )
    })

    test('changes their name and password, and signs out everywhere', async () => {
      const { api, person } = await countersign.person('lee')
      const lee = byPerson(person)
      const owner_id = person.id
      await leaves(
        () => api.updateAccount({ body: { name: 'Lee Doe' } }),
        () => [allowed(lee, 'account.update', 'own name: Lee Doe', { owner_id })],
      )
      const change = (current_password: string) =>
        api.changePassword({ body: { current_password, new_password: NEW_PASSWORD } })
      const action = 'account.change_password'
      await leaves(
        () => refusal(change('not this one'), 'password-wrong'),
        () => [denied(lee, action, 'wrong password', 'password-wrong', { owner_id })],
      )
      await leaves(
        () => change(PASSWORD),
        () => [allowed(lee, action, 'own password, and all other sessions ended', { owner_id })],
      )
      await leaves(
        () => api.endSessions({}),
        () => [allowed(lee, 'session.delete_all', 'signed out everywhere', { owner_id })],
      )
    })

    test('lets a command line sign in, which signs out; and turns another one down', async () => {
      const { api, person } = await countersign.person('mia')
      const mia = byPerson(person)
      const owner_id = person.id
      const begin = () => api.beginDeviceSignIn({ body: { device_name: 'laptop' } })
      const codes = await leaves(begin, () => [])
      const answer = (user_code: string, approved: boolean) =>
        api.answerDeviceSignIn({ body: { user_code, approved } })
      await leaves(
        () => answer(codes.user_code, true),
        () => [allowed(mia, 'device_sign_in.answer', 'laptop: approved', { owner_id })],
      )
      const { device_code } = codes
      const { access_token } = await leaves(
        () => api.redeemDeviceSignIn({ body: { device_code } }),
        () => [
          allowed(mia, 'session.create', 'signed in on the command line of laptop', { owner_id }),
        ],
      )
      const headers = { authorization: `Bearer ${access_token}` }
      const commandLine = createClient({ base_url: page_url, headers })
      await leaves(
        () => commandLine.signOut({}),
        () => [allowed(mia, 'session.delete', 'signed out on a command line', { owner_id })],
      )
      const { user_code } = await begin()
      await leaves(
        () => answer(user_code, false),
        () => [allowed(mia, 'device_sign_in.answer', 'laptop: turned down', { owner_id })],
      )
    })
  })
}
