import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CredentialRequest, ProblemType } from '../../src/contract/index.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { startLoad } from './load.ts'

const CALLERS = 12

/** What is there before each deletion: a runtime with two keys that Bob has authorized. */
interface Scene extends Countersign {
  bob: PersonClient
  runtime_id: string
  authorization_id: string
  /** The older of the two, with which everybody asks. */
  runtime_key: string
  runtime_key_id: string
}

suite('what is deleted gives no credential any more, at any vault, under load', () => {
  const deletions: [
    what: string,
    expected: ProblemType,
    act: (scene: Scene) => Promise<unknown>,
    who?: 'the runtime itself',
  ][] = [
    [
      'an authorization',
      'authorization-missing',
      ({ bob, authorization_id: id }) => bob.api.deleteAuthorization({ params: { id } }),
    ],
    [
      'a runtime',
      'runtime-key-invalid',
      ({ admin, runtime_id: id }) => admin.api.deleteRuntime({ params: { id } }),
    ],
    [
      'a runtime key',
      'runtime-key-invalid',
      ({ admin, runtime_id: id, runtime_key_id: key_id }) =>
        admin.api.deleteRuntimeKey({ params: { id, key_id } }),
    ],
    [
      'a person',
      'authorization-missing',
      ({ admin, bob }) => admin.api.deletePerson({ params: { id: bob.person.id } }),
    ],
    [
      'the Git host of a runtime',
      'host-not-registered',
      ({ admin, runtime_id: id }) =>
        admin.api.updateRuntime({ params: { id }, body: { provider_ids: [] } }),
    ],
    [
      "a runtime's own token",
      'runtime-token-missing',
      ({ admin, runtime_id, provider }) =>
        admin.api.deleteRuntimeToken({ params: { runtime_id, provider_id: provider.id } }),
      'the runtime itself',
    ],
  ]
  for (const [what, expected, act, who] of deletions) {
    test(what, async () => {
      await using scene = await setScene()
      const { vault_urls, runtime_key } = scene
      const target = { protocol: 'http', host: new URL(scene.forge.url).host } as const
      const request: CredentialRequest =
        who === undefined
          ? { person: scene.bob.person.email, ...target }
          : { as_runtime: true, ...target }
      await using load = startLoad({ vault_urls, runtime_key, request, callers: CALLERS })
      const warm = vault_urls.map((vault_url) =>
        load.more(2 * CALLERS, (answer) => answer.vault_url === vault_url && hasToken(answer)),
      )
      await Promise.all(warm)

      await act(scene)
      const deleted = load.mark()
      for (const vault_url of vault_urls) {
        const vault = runtimeClient(vault_url, runtime_key)
        await refusal(vault.issueCredential({ body: request }), expected)
      }
      await load.more(6 * CALLERS, ({ began }) => began > deleted)
      await load.end()

      const later = load.answers.filter(({ began }) => began > deleted)
      assert.deepEqual(new Set(later.map(({ problem }) => problem)), new Set([expected]))
      assert.deepEqual(new Set(later.map(({ vault_url }) => vault_url)), new Set(vault_urls))
      const problems = load.answers.flatMap(({ problem }) => problem ?? [])
      assert.deepEqual(new Set(problems), new Set([expected]))
    })
  }
})

function hasToken({ token }: { token?: string }): boolean {
  return token !== undefined
}

async function setScene(): Promise<Scene> {
  await using resources = new AsyncDisposableStack()
  const countersign = resources.use(await startCountersign({ vaults: 2 }))
  const { admin, provider, forge } = countersign
  const bob = await countersign.person('bob')
  const { runtime, key } = await countersign.runtime()
  await admin.api.createRuntimeKey({ params: { id: runtime.id } })
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await bob.addToken(row, await forge.token())
  await admin.addRuntimeToken(row, await forge.token('bob'))
  const { authorization } = await bob.access(runtime.id)
  const kept = resources.move()
  return {
    ...countersign,
    bob,
    runtime_id: runtime.id,
    authorization_id: authorization?.id ?? '',
    runtime_key: key,
    runtime_key_id: runtime.keys[0]?.id ?? '',
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
