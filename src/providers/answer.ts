import { type ProviderHttp, ProviderUnavailable } from './provider.ts'

/** A member of a JSON object; undefined for everything that is none. */
export function field(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    value,
  )
}

export function textField(value: unknown, ...path: string[]): string | undefined {
  const text = field(value, ...path)
  return typeof text === 'string' ? text : undefined
}

/** The items of a list in a JSON object; none when there is no list. */
export function listField(value: unknown, ...path: string[]): unknown[] {
  const list = field(value, ...path)
  return Array.isArray(list) ? list : []
}

/** An answer that the API of this kind of host does not give: it says nothing about the token. */
export function unexpected(http: ProviderHttp, label: string): ProviderUnavailable {
  const { host } = new URL(http.base_url)
  return new ProviderUnavailable(`${host} did not answer as ${label} does.`, { answered: true })
}

/** The page that a host names in a sentence: people are sent to no other place than the host itself. */
export function ownPage({ base_url }: ProviderHttp, sentence: string): string | undefined {
  const page = URL.parse(/https?:\/\/\S+/.exec(sentence)?.[0] ?? '')
  return page?.origin === new URL(base_url).origin ? page.href : undefined
}

/** The `Authorization` header of RFC 7617. */
export function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** A path made of names that may hold any character. */
export function pathOf(...names: string[]): string {
  return names.map(encodeURIComponent).join('/')
}
