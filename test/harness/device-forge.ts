import type {
  AuthorizationRequest,
  Provider,
  ProviderKind,
  Runtime,
} from '../../src/contract/index.ts'
import type { AuthorizationServer } from '../standins/authorization-server.ts'
import { ORGANIZATION, startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'
import type { Devices } from '../standins/device-authorization.ts'
import { type GithubStandIn, startGithub } from '../standins/github/github.ts'
import { type GitlabStandIn, startGitlab } from '../standins/gitlab/gitlab.ts'
import type { Forge } from '../standins/stand-in.ts'
import type { Countersign } from './countersign.ts'
import type { PersonClient } from './person.ts'

/** A Git host with device flow, registered, and a runtime that is authorized there with OAuth2. */
export interface DeviceForge extends AsyncDisposable {
  forge: Forge
  devices: Devices
  provider: Provider
  runtime: Runtime
  /** The key of the runtime. */
  key: string
  row: { runtime_id: string; provider_id: string }
  /** Another runtime that is authorized in the same way. */
  anotherRuntime(name: string): Promise<Runtime>
}

export async function startDeviceForge(
  countersign: Countersign,
  name = 'Octo',
): Promise<DeviceForge & { forge: GithubStandIn }> {
  const forge = await startGithub()
  return Object.assign(await registered(countersign, 'github', name, forge.url, forge), { forge })
}

/** The same with Azure DevOps, where people sign in at Entra ID. */
export async function startEntraForge(countersign: Countersign): Promise<DeviceForge> {
  const forge = await startAzureDevOps()
  const base_url = `${forge.url}/${ORGANIZATION}`
  return await registered(countersign, 'azure-devops', 'Entra', base_url, forge)
}

/** The same with GitLab, which has a call that ends a grant. */
export async function startGitlabForge(
  countersign: Countersign,
): Promise<DeviceForge & { forge: GitlabStandIn }> {
  const forge = await startGitlab()
  return Object.assign(await registered(countersign, 'gitlab', 'Lab', forge.url, forge), { forge })
}

async function registered(
  { admin }: Countersign,
  kind: ProviderKind,
  name: string,
  base_url: string,
  forge: Forge & { oauth: AuthorizationServer },
): Promise<DeviceForge> {
  const { devices } = forge.oauth
  if (devices === undefined) throw new Error('the stand-in has no device flow')
  devices.interval = 1
  const provider = await admin.api.createProvider({
    body: { kind, name, base_url, private_address_confirmed: true },
  })
  const provider_id = provider.id
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const { client_id, client_secret } = forge.oauth.registerClient(form.callback_url)
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })

  async function makeRuntime(runtime_name: string) {
    const body = { name: runtime_name, provider_ids: [provider_id] }
    const made = await admin.api.createRuntime({ body })
    await admin.api.updateRuntimeProvider({
      params: { runtime_id: made.runtime.id, provider_id },
      body: { auth_mode: 'default_client' },
    })
    return made
  }
  const { runtime, key } = await makeRuntime(`on-${name.toLowerCase()}`)
  return {
    forge,
    devices,
    provider,
    runtime,
    key,
    row: { runtime_id: runtime.id, provider_id },
    anotherRuntime: async (other) => (await makeRuntime(other)).runtime,
    [Symbol.asyncDispose]: () => forge.close(),
  }
}

/** Begins, and waits until there is a code to show, or none will come. */
export async function beginWithCode(
  person: PersonClient,
  row: DeviceForge['row'],
): Promise<AuthorizationRequest> {
  await using events = await person.events()
  const { id } = await person.api.beginDeviceAuthorization({ body: row })
  return await events.until(async () => {
    const request = await person.api.getAuthorizationRequest({ params: { id } })
    return request.device !== null || request.status !== 'pending' ? request : undefined
  })
}

/** Waits until the person's word is needed, or nothing more comes. */
export async function outcomeOf(person: PersonClient, id: string): Promise<AuthorizationRequest> {
  await using events = await person.events()
  return await events.until(async () => {
    const request = await person.api.getAuthorizationRequest({ params: { id } })
    return request.status === 'pending' || request.status === 'exchanging' ? undefined : request
  })
}
