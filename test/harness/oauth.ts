import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { AccessDetail, AuthorizationRequest, OAuthClient } from '../../src/contract/index.ts'
import { sealBox } from '../../src/seal/box.ts'
import { createBrowser } from '../forge/browser.ts'
import type { PersonClient } from './person.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/** Registers an app at a Gitea or the sandbox, and then here, and makes it the way to authorize. */
export async function registerClient(
  admin: PersonClient,
  forge: { url: string; token: string },
  row: Row,
): Promise<OAuthClient & { client_secret: string }> {
  const { provider_id, runtime_id } = row
  const client = await registerApp(admin, forge, { provider_id })
  await admin.api.updateRuntimeProvider({
    params: { runtime_id, provider_id },
    body: { auth_mode: 'default_client' },
  })
  return client
}

/** Registers an app at a Gitea or the sandbox, and then here: the default one, or a runtime's own. */
export async function registerApp(
  admin: PersonClient,
  forge: { url: string; token: string },
  place: { provider_id: string; runtime_id?: string },
): Promise<OAuthClient & { client_secret: string }> {
  const form = await admin.api.getClientForm({ query: place })
  const response = await fetch(`${forge.url}/api/v1/user/applications/oauth2`, {
    method: 'POST',
    headers: { authorization: `token ${forge.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'countersign',
      confidential_client: true,
      redirect_uris: [form.callback_url],
    }),
  })
  if (response.status !== 201) throw new Error(await response.text())
  const app = (await response.json()) as { client_id: string; client_secret: string }
  const { client_id, client_secret } = app
  const client = await admin.api.putClient({
    body: { id: form.id, ...place, client_id, client_secret },
  })
  return { ...client, client_secret }
}

/** An authorization under way, and where the browser is sent. */
type Begun = Pick<Awaited<ReturnType<typeof beginOAuth>>, 'request' | 'authorization_url'>

/** Begins as a page does. @returns where the browser is sent, the request, and what it was made of */
export async function beginOAuth(person: PersonClient, row: Row, id: string = randomUUID()) {
  const access = await person.api.getAccess({ params: row })
  const { body, code_verifier } = await beginning(access, row, id)
  const begun = await person.api.beginAuthorization({ body })
  return { ...begun, state: body.state, code_verifier }
}

/** The same, for a runtime's own token. */
export async function beginRuntimeOAuth(admin: PersonClient, row: Row) {
  const token = await admin.api.getRuntimeToken({ params: row })
  const { body, code_verifier } = await beginning(token, row, randomUUID())
  const begun = await admin.api.beginRuntimeAuthorization({ body })
  return { ...begun, state: body.state, code_verifier }
}

async function beginning(
  { vault_key, owner_id }: Pick<AccessDetail, 'vault_key' | 'owner_id'>,
  row: Row,
  id: string,
) {
  const code_verifier = randomBytes(32).toString('base64url')
  const address = {
    purpose: 'code_verifier',
    row_id: id,
    owner_id,
    provider_id: row.provider_id,
  } as const
  return {
    code_verifier,
    body: {
      id,
      ...row,
      state: randomBytes(32).toString('base64url'),
      code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
      code_verifier_box: await sealBox(vault_key, address, code_verifier),
    },
  }
}

/** Signs in at the forge and says yes or no. @returns the address the browser is sent back to */
export async function answerAtForge(
  authorization_url: string,
  account: { login: string; password: string; granted?: boolean },
): Promise<string> {
  const { origin, pathname, search } = new URL(authorization_url)
  const browser = createBrowser(origin)
  await browser.submit(await browser.open('/user/login'), '/user/login', {
    user_name: account.login,
    password: account.password,
  })
  const page = await browser.open(pathname + search)
  // A forge that has a grant for this app already sends the browser straight back.
  if (!page.url.startsWith(origin)) return page.url
  const granted = String(account.granted ?? true)
  return (await browser.submit(page, '/login/oauth/grant', { granted })).url
}

/** Follows the browser back to us. @returns the address it is sent on to */
export async function comeBack(callback: string, cookie: string): Promise<URL> {
  const response = await fetch(callback, { headers: { cookie }, redirect: 'manual' })
  const location = response.headers.get('location')
  if (location === null) throw new Error(`the callback answered ${response.status}`)
  return new URL(location, callback)
}

/** The whole way: begin, say yes at the forge, come back, and wait until it is finished. */
export async function authorizeWithOAuth(
  person: PersonClient,
  row: Row,
  account: { login: string; password: string },
  begin: (person: PersonClient, row: Row) => Promise<Begun> = beginOAuth,
): Promise<AuthorizationRequest> {
  const { request, authorization_url } = await begin(person, row)
  await using events = await person.events()
  await comeBack(await answerAtForge(authorization_url, account), person.cookie)
  return await events.until(async () => {
    const now = await person.api.getAuthorizationRequest({ params: { id: request.id } })
    return now.status === 'pending' || now.status === 'exchanging' ? undefined : now
  })
}
