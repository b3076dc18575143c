import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/store/embedded.ts'
import { startCountersign } from '../test/harness/countersign.ts'
import { temporaryFolder } from './programs.ts'
import { startVault } from './vault.ts'

/** Something that a runtime may ask for, and what it will be given. */
export interface Grant {
  runtime_key: string
  person: string
  base_url: string
  username: string
  password: string
}

/** A vault process on a PostgreSQL with the settings of `countersign up`: it flushes to disk. */
export interface Installation extends AsyncDisposable {
  vault_url: string
  grants: Grant[]
}

/** @param size how many people, each of whom has authorized each of how many runtimes */
export async function startInstallation(size: {
  people: number
  runtimes: number
}): Promise<Installation> {
  await using resources = new AsyncDisposableStack()
  const folder = resources.use(await temporaryFolder())
  const postgres = resources.use(await startEmbeddedPostgres({ folder: join(folder.path, 'pg') }))
  const { grants, vault_key } = await authorize(postgres.url, size)
  const vault = resources.use(await startVault(postgres.url, vault_key, folder.path))
  const kept = resources.move()
  return {
    vault_url: vault.url,
    grants,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** As people would: everybody adds a token to the first runtime and reuses it for the others. */
async function authorize(
  database_url: string,
  size: { people: number; runtimes: number },
): Promise<{ grants: Grant[]; vault_key: string }> {
  await using countersign = await startCountersign({ database_url })
  const { forge, provider, vault_key } = countersign
  const provider_id = provider.id
  const runtimes = await Promise.all(
    Array.from({ length: size.runtimes }, () => countersign.runtime()),
  )
  const grants: Grant[] = []
  for (let index = 0; index < size.people; index += 1) {
    const someone = await countersign.person(`person-${index}`)
    const password = await forge.token()
    let connection_id: string | undefined
    for (const { runtime, key } of runtimes) {
      const row = { runtime_id: runtime.id, provider_id }
      if (connection_id === undefined) {
        await someone.addToken(row, password)
        connection_id = (await someone.access(runtime.id)).authorization?.connection.id ?? ''
      } else {
        await someone.api.createAuthorization({ body: { ...row, connection_id } })
      }
      const { email } = someone.person
      grants.push({
        runtime_key: key,
        person: email,
        base_url: forge.url,
        username: 'oauth2',
        password,
      })
    }
  }
  return { grants, vault_key }
}
