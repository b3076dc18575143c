import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { bitbucketDataCenter } from '../../src/providers/bitbucket-data-center.ts'
import { offers } from '../../src/providers/git-access.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { missingScopes, ProviderUnavailable, TokenRefused } from '../../src/providers/provider.ts'
import {
  failed,
  gitError,
  startBitbucketDataCenter,
} from '../standins/bitbucket-data-center/bitbucket-data-center.ts'
import { CALLBACK, describeOAuth, grant } from './oauth-suite.ts'
import { describeAdapter } from './suite.ts'

const forge = await startBitbucketDataCenter()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (scope: string, login = 'carol') =>
  forge.makeToken(login, { kind: 'personal', scopes: [scope] })
const [good, reader, all, stranger] = [
  make('REPO_WRITE'),
  make('REPO_READ'),
  make('REPO_ADMIN'),
  make('REPO_ADMIN', 'dave'),
]

describeAdapter(bitbucketDataCenter, {
  http,
  good_token: () => good,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: 'BBDC-unknown',
  read_only_token: () => reader,
  clone_path: 'scm/carol/tools.git',
  interrupt,
  limits: [{ status: 429, body: '<html>', headers: { 'retry-after': '5' }, seconds: 5 }],
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
})

const oauthForge = {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
}
describeOAuth(bitbucketDataCenter, oauthForge)

describe('what is peculiar to Bitbucket Data Center', () => {
  const credential = (token: string) => ({ method: 'token', token, login: null }) as const
  const repository = { owner: 'carol', name: 'secret' }

  test('a name that is not in percent-encoding, as a proxy may send it, says nothing', async () => {
    const headers = { 'x-ausername': '100%' }
    forge.interruption = { status: 200, body: {}, headers }
    await assert.rejects(bitbucketDataCenter.inspect(http(), credential(good)), ProviderUnavailable)
    forge.interruption = undefined
  })

  test('what a token may do is asked of Git', async () => {
    const access = await bitbucketDataCenter.repositoryAccess(
      http(),
      credential(reader),
      repository,
    )
    assert.deepEqual(access, { visible: true, read: true, write: false })
  })

  test('so it is with a granted one', async () => {
    const { access_token: token } = await grant(bitbucketDataCenter, oauthForge)
    const granted = { method: 'oauth', token, login: 'carol' } as const
    const access = await bitbucketDataCenter.repositoryAccess(http(), granted, repository)
    assert.deepEqual(access, { visible: true, read: true, write: true })
  })

  test('who may only read may be told so by an error of Git’s, too', async () => {
    const asked: string[] = []
    forge.interruptionFor = (path) => {
      if (!path.startsWith('/scm/') || asked.push(path) === 1) return undefined
      const error = 'Insufficient permissions\nYou cannot push to CAROL/secret.'
      return gitError('git-receive-pack', error)
    }
    assert.deepEqual(
      await bitbucketDataCenter.repositoryAccess(http(), credential(reader), repository),
      { visible: true, read: true, write: false },
    )
    forge.interruptionFor = undefined
  })

  test('another error of Git’s says nothing about the repository', async () => {
    for (const [error, sentence] of [
      ['CAPTCHA required\nYour Bitbucket account has been locked', /solve the CAPTCHA/],
      ['Bitbucket is currently under heavy load', /could not serve Git/],
    ] as const) {
      forge.interruptionFor = (path) =>
        path.startsWith('/scm/') ? gitError('git-upload-pack', error) : undefined
      await assert.rejects(
        bitbucketDataCenter.repositoryAccess(http(), credential(good), repository),
        (refusal) => refusal instanceof ProviderUnavailable && sentence.test(refusal.message),
      )
    }
    forge.interruptionFor = undefined
  })

  test('however much a repository has to offer, it is offered', async () => {
    const ref = `003d${'0'.repeat(40)} refs/heads/main\n`
    forge.interruptionFor = (path) =>
      path.startsWith('/scm/')
        ? {
            status: 200,
            body: `001e# service=git-upload-pack\n0000${ref.repeat(100_000)}0000`,
            headers: { 'content-type': 'application/x-git-upload-pack-advertisement' },
          }
        : undefined
    assert.equal(
      await offers(http(), '/scm/carol/secret.git', 'git-upload-pack', {
        username: 'carol',
        password: good,
      }),
      true,
    )
    forge.interruptionFor = undefined
  })

  test('a bad token of a known account is refused, and never counts as a wrong password', async () => {
    const known = { ...credential('BBDC-x'), login: 'carol' }
    for (let tries = 0; tries < 6; tries += 1) {
      const refusal = bitbucketDataCenter.repositoryAccess(http(), known, repository)
      await assert.rejects(refusal, TokenRefused)
    }
    assert.deepEqual([...forge.wrong_passwords], [])
  })

  test('a refusal that is not about the token does not make it bad', async () => {
    const asked = {
      AuthenticationSystemException: /could not look its accounts up/,
      CaptchaRequiredAuthenticationException: /solve the CAPTCHA/,
      ExpiredPasswordAuthenticationException: /has expired/,
    } as const
    for (const exception of Object.keys(asked) as (keyof typeof asked)[]) {
      forge.interruption = failed(exception)
      await assert.rejects(
        bitbucketDataCenter.inspect(http(), credential(good)),
        (error) => error instanceof ProviderUnavailable && asked[exception].test(error.message),
        exception,
      )
    }
    forge.interruption = undefined
  })

  test('an account that may not use Bitbucket any more is told apart', async () => {
    forge.interruption = failed('NoAccessAuthenticationException')
    await assert.rejects(
      bitbucketDataCenter.inspect(http(), credential(good)),
      (error) => error instanceof TokenRefused && error.why === 'account_suspended',
    )
    forge.interruption = undefined
  })

  test('an account whose name is not its slug is found', async () => {
    forge.makeAccount('erin@corp')
    const token = make('REPO_WRITE', 'erin@corp')
    const { account } = await bitbucketDataCenter.inspect(http(), credential(token))
    assert.equal(account.login, 'erin@corp')
    assert.match(account.avatar_url ?? '', /\/users\/erin_corp\/avatar\.png$/)
  })

  test('a proxy that drops the header does not make a token bad', async () => {
    forge.behind_proxy = true
    await assert.rejects(bitbucketDataCenter.inspect(http(), credential(good)), ProviderUnavailable)
    await assert.rejects(bitbucketDataCenter.inspect(http(), credential('BBDC-x')), TokenRefused)
    forge.behind_proxy = false
  })

  test('each scope includes the narrower ones, and no unknown one does', () => {
    assert.deepEqual(missingScopes(bitbucketDataCenter, ['REPO_ADMIN']), [])
    assert.deepEqual(missingScopes(bitbucketDataCenter, ['REPO_READ']), ['REPO_WRITE'])
    assert.equal(bitbucketDataCenter.hasScope(['REPO_ADMIN'], 'SYSTEM_ADMIN'), false)
  })
})
