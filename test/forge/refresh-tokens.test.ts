import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { openKeyring } from '../../src/vault/keyring.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { connectionOf, endAccess } from '../harness/granted.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { describeForges } from './populated-forge.ts'

const CAROL = { login: 'carol', password: 'carol-secret' }

for (const invalidate_refresh_tokens of [true, false]) {
  const words = invalidate_refresh_tokens ? 'work once' : 'work again'
  describeForges(
    `refresh tokens ${words}`,
    (forge) => {
      let countersign: Countersign
      let row: { runtime_id: string; provider_id: string }
      let key: string
      const ask = async () =>
        await runtimeClient(countersign.vault_url, key).issueCredential({
          body: {
            person: 'ada@example.com',
            protocol: 'http',
            host: new URL(forge.url).host,
          },
        })
      const isTaken = async (token: string) => {
        const { status } = await forge.call('/api/v1/user', { authorization: `token ${token}` })
        return status === 200
      }

      before(async () => {
        countersign = await startCountersign()
        const { api } = countersign.admin
        const provider = await api.createProvider({
          body: {
            kind: 'gitea',
            name: 'The forge of the story',
            base_url: forge.url,
            private_address_confirmed: true,
          },
        })
        const made = await api.createRuntime({ body: { name: 'one', provider_ids: [provider.id] } })
        key = made.key
        row = { runtime_id: made.runtime.id, provider_id: provider.id }
        const builder = { url: forge.url, token: forge.token('all') }
        await registerClient(countersign.admin, builder, row)
        const done = await authorizeWithOAuth(countersign.admin, row, CAROL)
        assert.equal(done.status, 'completed', done.problem?.detail)
      })
      after(() => countersign[Symbol.asyncDispose]())

      test('a refresh gives a token that works, and another one after it', async () => {
        // Of the same second, Gitea's access tokens are the same to the letter: versions are not.
        for (let turn = 0; turn < 2; turn += 1) {
          await endAccess(countersign)
          const { version } = await connectionOf(countersign)
          assert.ok(await isTaken((await ask()).password))
          assert.equal((await connectionOf(countersign)).version, version + 1)
        }
      })

      test(`a refresh token that was used ${invalidate_refresh_tokens ? 'ends in' : 'needs no'} authorizing again`, async () => {
        const { id, box } = await connectionOf(countersign)
        await endAccess(countersign)
        await ask()
        // As if the answer had never come: the token set of before is back.
        await sql`update connections set box = ${box} where id = ${id}`.execute(
          countersign.database.db,
        )
        await endAccess(countersign)
        if (invalidate_refresh_tokens) {
          await refusal(ask(), 'reauthorization-required')
          assert.equal((await connectionOf(countersign)).status, 'reauthorization_required')
          const again = await authorizeWithOAuth(countersign.admin, row, CAROL)
          assert.equal(again.status, 'completed', again.problem?.detail)
        }
        assert.ok(await isTaken((await ask()).password))
      })

      test('a second authorization of the same app leaves one grant, and it can be refreshed', async () => {
        const again = await authorizeWithOAuth(countersign.admin, row, CAROL)
        assert.equal(again.status, 'completed', again.problem?.detail)
        await endAccess(countersign)
        assert.ok(await isTaken((await ask()).password))
        assert.equal((await connectionOf(countersign)).status, 'valid')
      })

      test('an old refresh token is answered by the forge as it is set up', async () => {
        const { db } = countersign.database
        const { id, owner_id, provider_id, box } = await connectionOf(countersign)
        const keyring = await openKeyring(db, countersign.vault_key)
        const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
        const { refresh_token } = JSON.parse(await keyring.open(address, box))
        await endAccess(countersign)
        await ask()
        const client = await db.selectFrom('clients').selectAll().executeTakeFirstOrThrow()
        const place = { purpose: 'client_secret', row_id: client.id } as const
        const secret = { ...place, owner_id: 'client', provider_id: client.provider_id }
        const response = await fetch(`${forge.url}/login/oauth/access_token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            refresh_token,
            client_id: client.client_id,
            client_secret: await keyring.open(secret, client.client_secret_box ?? ''),
          }),
        })
        const answer = (await response.json()) as Record<string, unknown>
        if (invalidate_refresh_tokens) {
          assert.deepEqual(
            [response.status, answer],
            [400, { error: 'unauthorized_client', error_description: 'token was already used' }],
          )
        } else assert.equal(response.status, 200)
      })
    },
    { invalidate_refresh_tokens },
  )
}
