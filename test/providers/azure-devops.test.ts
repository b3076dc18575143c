import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { azureDevOps } from '../../src/providers/azure-devops.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { missingScopes, ProviderUnavailable, TokenRefused } from '../../src/providers/provider.ts'
import { ORGANIZATION, startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'
import { CALLBACK, describeOAuth } from './oauth-suite.ts'
import { describeAdapter, resetHeaders } from './suite.ts'

const forge = await startAzureDevOps()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const at = (base_url: string) =>
  outbound.to({ base_url, private_address_confirmed: true }, azureDevOps.origins(base_url))
const http = () => at(`${forge.url}/${ORGANIZATION}`)
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (scopes: string[], login = 'carol') =>
  forge.makeToken(login, { kind: 'personal', scopes })
const [good, reader, all, stranger] = [
  make(['vso.profile', 'vso.code_write']),
  make(['vso.code']),
  make(['vso.profile', 'vso.code_write', 'vso.hooks_write']),
  make(['vso.code_write'], 'dave'),
]
const credential = (token: string) => ({ method: 'token', token, login: null }) as const

describeAdapter(azureDevOps, {
  http,
  good_token: () => good,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: 'a'.repeat(84),
  read_only_token: () => reader,
  clone_path: 'carol/_git/tools',
  interrupt,
  limits: [
    {
      status: 429,
      body: { message: 'TF400733: The request has been canceled' },
      headers: { 'x-vss-e2eid': 'c0de', 'x-ratelimit-remaining': '0', ...resetHeaders() },
      seconds: 60,
    },
    { status: 202, body: '<html>', headers: { 'x-vss-e2eid': 'c0de' } },
  ],
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
  suspended_as: 'bad_credential',
  account: { login: 'carol@example.com' },
})

describeOAuth(azureDevOps, {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
  public_secret: { right: false, wrong: false },
  login: 'carol@example.com',
  refresh_token_reusable: true,
})

describe('what is peculiar to Azure DevOps', () => {
  test('without an organization the profile tells whose token it is', async () => {
    const { account } = await azureDevOps.inspect(at(forge.url), credential(good))
    const other = await azureDevOps.inspect(http(), credential(good))
    assert.deepEqual(account, other.account)
    assert.deepEqual(
      await azureDevOps.repositoryAccess(at(forge.url), credential(good), {
        owner: `${ORGANIZATION}/carol`,
        name: 'secret',
      }),
      { visible: true, read: true, write: true },
    )
  })

  test('what a token may do is asked of Git', async () => {
    const repository = { owner: 'carol', name: 'secret' }
    const access = await azureDevOps.repositoryAccess(http(), credential(reader), repository)
    assert.deepEqual(access, { visible: true, read: true, write: false })
  })

  test('a bad token is refused by an organization that takes it for a stranger’s, too', async () => {
    forge.has_public_projects = true
    const bad = credential('a'.repeat(84))
    await assert.rejects(azureDevOps.inspect(http(), bad), TokenRefused)
    for (const name of ['tools', 'secret']) {
      const repository = { owner: 'carol', name }
      await assert.rejects(azureDevOps.repositoryAccess(http(), bad, repository), TokenRefused)
    }
    forge.has_public_projects = false
  })

  test('a page for signing in, or the way to it, refuses a token when it is the host’s own', async () => {
    const repository = { owner: 'carol', name: 'secret' }
    for (const [page, error] of [
      [{ status: 203, body: '<html>Sign in' }, TokenRefused],
      [{ status: 302, headers: { location: '/_signin' } }, TokenRefused],
      [{ status: 202, body: '<html>Sign in' }, ProviderUnavailable],
    ] as const) {
      for (const own of [true, false]) {
        const headers = { ...('headers' in page ? page.headers : {}), 'x-vss-e2eid': 'c0de' }
        forge.interruption = own ? { ...page, headers } : page
        const refusal = own ? error : ProviderUnavailable
        await assert.rejects(azureDevOps.inspect(http(), credential(good)), refusal)
        await assert.rejects(
          azureDevOps.repositoryAccess(http(), credential(good), repository),
          refusal,
        )
      }
    }
    forge.interruption = undefined
  })

  test('a clone address may leave out the project of the same name', () => {
    assert.deepEqual(azureDevOps.repositoryAt(`${forge.url}/contoso`, 'contoso/_git/app'), {
      owner: 'app',
      name: 'app',
    })
    assert.deepEqual(azureDevOps.repositoryAt(forge.url, 'contoso/web/_git/app'), {
      owner: 'contoso/web',
      name: 'app',
    })
  })

  test('scopes of code include one another', () => {
    assert.deepEqual(missingScopes(azureDevOps, ['vso.profile', 'vso.code_full']), [])
    assert.deepEqual(missingScopes(azureDevOps, ['vso.profile', 'vso.code']), ['vso.code_write'])
  })

  test('people sign in where the administrator said, or in any organization', () => {
    const { server } = azureDevOps.oauth
    const at = (tenant: string | null) => {
      const { device_pages: _, ...addresses } = server('https://dev.azure.com', tenant)
      return Object.values(addresses)
    }
    for (const address of at(null)) {
      assert.ok(address.startsWith('https://login.microsoftonline.com/organizations/'))
    }
    for (const address of at('contoso.onmicrosoft.com')) {
      assert.ok(address.startsWith('https://login.microsoftonline.com/contoso.onmicrosoft.com/'))
    }
  })

  test('knows where profiles and Entra are', () => {
    for (const base_url of ['https://dev.azure.com', 'https://contoso.visualstudio.com']) {
      assert.deepEqual(azureDevOps.origins(base_url), [
        'https://app.vssps.visualstudio.com',
        'https://login.microsoftonline.com',
      ])
    }
  })
})
