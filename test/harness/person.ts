import { randomUUID } from 'node:crypto'
import {
  type Access,
  type Candidate,
  type Client,
  type Connection,
  createClient,
  type Input,
  type Person,
} from '../../src/contract/index.ts'
import { sealBox } from '../../src/seal/box.ts'
import { type EventStream, openEvents } from './events.ts'

export const PASSWORD = 'correct horse battery staple'

/** Somebody signed in: the API with their cookie, and what a page would do with it. */
export interface PersonClient {
  person: Person
  api: Client
  /** The `Cookie` header of the session. */
  cookie: string
  events(): Promise<EventStream>
  /** Seals a token as a page does and hands it in. Returns once it was checked. */
  addToken(row: Row, token: string, more?: { expires_at?: string }): Promise<Candidate>
  /** The same for a token that is to be the runtime's own. */
  addRuntimeToken(row: Row, token: string): Promise<Candidate>
  /** Hands a token in as it is, for a caller that cannot seal. Returns once it was checked. */
  addTokenInClear(row: Row, token: string, more?: { expires_at?: string }): Promise<Candidate>
  /** *Check now*, for the token that a runtime uses. Returns once the forge was asked. */
  checkNow(runtime_id: string): Promise<Connection>
  /** The row of the list for a runtime. */
  access(runtime_id: string): Promise<Access>
}

interface Row {
  runtime_id: string
  provider_id: string
}

/** Uses an invitation; `name` becomes `name@example.com`. */
export async function joinAs(
  page_url: string,
  invite_token: string,
  name: string,
): Promise<PersonClient> {
  const cookies = new Map<string, string>()
  const cookieHeader = () => [...cookies].map((pair) => pair.join('=')).join('; ')
  const api = createClient({
    base_url: page_url,
    fetch: async (url, init) => {
      const headers = { ...(init.headers as Record<string, string>), cookie: cookieHeader() }
      const response = await fetch(url, { ...init, headers })
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ''] = cookie.split(';')
        const equals = pair.indexOf('=')
        cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
      }
      return response
    },
  })
  const email = `${name}@example.com`
  const session = await api.acceptInvite({
    body: { token: invite_token, name, email, password: PASSWORD },
  })
  if (session.person === null) throw new Error('joined, but not signed in')
  const { person } = session

  async function access(runtime_id: string): Promise<Access> {
    const { items } = await api.listAccess({ query: { limit: 100 } })
    const row = items.find((item) => item.runtime.id === runtime_id)
    if (row === undefined) throw new Error(`no row for runtime ${runtime_id}`)
    return row
  }

  async function handIn(
    body: Input<'createCandidate'>['body'],
    send: Client['createCandidate'] = api.createCandidate,
  ): Promise<Candidate> {
    await using events = await openEvents(page_url, cookieHeader())
    const { id } = await send({ body })
    return await events.until(async () => {
      const candidate = await api.getCandidate({ params: { id } })
      return candidate.status === 'checking' ? undefined : candidate
    })
  }

  return {
    person,
    api,
    get cookie() {
      return cookieHeader()
    },
    events: () => openEvents(page_url, cookieHeader()),
    access,
    async addToken(row, token, more = {}) {
      const id = randomUUID()
      const { vault_key, owner_id } = await api.getAccess({ params: row })
      const address = {
        purpose: 'candidate',
        row_id: id,
        owner_id,
        provider_id: row.provider_id,
      } as const
      return await handIn({ id, ...row, box: await sealBox(vault_key, address, token), ...more })
    },
    async addRuntimeToken(row, token) {
      const id = randomUUID()
      const { vault_key, owner_id } = await api.getRuntimeToken({ params: row })
      const { provider_id } = row
      const address = { purpose: 'candidate', row_id: id, owner_id, provider_id } as const
      const box = await sealBox(vault_key, address, token)
      return await handIn({ id, ...row, box }, api.createRuntimeCandidate)
    },
    addTokenInClear: (row, token, more = {}) =>
      handIn({ id: randomUUID(), ...row, token, ...more }),
    async checkNow(runtime_id) {
      await using events = await openEvents(page_url, cookieHeader())
      const { authorization } = await access(runtime_id)
      await api.checkConnection({ params: { id: authorization?.connection.id ?? '' } })
      return await events.until(async () => {
        const connection = (await access(runtime_id)).authorization?.connection
        return connection?.status === 'checking' ? undefined : connection
      })
    },
  }
}
