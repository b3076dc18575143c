export interface BrowserPage {
  status: number
  url: string
  text: string
  headers: Headers
}

/** A person's browser, as far as signing in and filling forms goes: cookies, redirects, forms. */
export interface Browser {
  /** Opens a page and follows redirects, as long as they stay on the forge. */
  open(path: string): Promise<BrowserPage>
  /** Sends the form on the page whose action is this, with the fields given on top of its own. */
  submit(page: BrowserPage, action: string, fields: Record<string, string>): Promise<BrowserPage>
}

/**
 * A browser for the forge at `url`.
 *
 * @param cookies what it has, also of other forges on this machine: a port makes no difference
 */
export function createBrowser(url: string, cookies = new Map<string, string>()): Browser {
  async function visit(target: string, form?: URLSearchParams): Promise<BrowserPage> {
    const response = await fetch(target, {
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
      ...(form ? { body: form } : {}),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(name, value)
    }
    const text = await response.text()
    const location = response.headers.get('location')
    const next = location && new URL(location, target).href
    if (next?.startsWith(url)) return visit(next)
    return { status: response.status, url: next || target, text, headers: response.headers }
  }

  return {
    open: (path) => visit(new URL(path, url).href),
    submit(page, action, fields) {
      const forms = page.text.matchAll(/<form[^>]*\baction="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)
      for (const [, target, content = ''] of forms) {
        if (target !== action) continue
        const form = new URLSearchParams([...fieldsOf(content), ...Object.entries(fields)])
        return visit(new URL(action, url).href, onlyLast(form, Object.keys(fields)))
      }
      throw new Error(`no form for ${action} on ${page.url}`)
    },
  }
}

function* fieldsOf(content: string): Generator<[string, string]> {
  for (const [tag] of content.matchAll(/<input[^>]*>/g)) {
    const name = attribute(tag, 'name')
    const is_off = attribute(tag, 'type') === 'checkbox' && !/\schecked/.test(tag)
    if (name && !is_off) yield [name, attribute(tag, 'value')]
  }
  for (const [, name = '', options = ''] of content.matchAll(
    /<select[^>]*\bname="([^"]*)"[^>]*>([\s\S]*?)<\/select>/g,
  )) {
    const [chosen = ''] = /<option[^>]*\sselected[^>]*>/.exec(options) ?? []
    yield [name, attribute(chosen, 'value')]
  }
}

/** What the person typed replaces what the page had filled in. */
function onlyLast(form: URLSearchParams, names: string[]): URLSearchParams {
  for (const name of names) form.set(name, form.getAll(name).at(-1) ?? '')
  return form
}

function attribute(tag: string, name: string): string {
  const [, value = ''] = new RegExp(`\\b${name}="([^"]*)"`).exec(tag) ?? []
  return value.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&#34;', '"')
}
