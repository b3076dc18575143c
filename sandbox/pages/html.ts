/** Text that is already HTML. Only `html` makes it, so nothing gets into a page unescaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | undefined | false | readonly Part[]

/** A template for HTML: every value is escaped, except HTML made by this same template. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(
    strings
      .map((text, index) => text + (index < parts.length ? render(parts[index]) : ''))
      .join(''),
  )
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function render(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.text
  if (Array.isArray(part)) return part.map(render).join('')
  return String(part).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
}

const STEPS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** A time as people say it, exact on hover and for machines. */
export function timeAgo(time: string, now: Date): Html {
  const seconds = Math.round((new Date(time).getTime() - now.getTime()) / 1000)
  const [unit, length] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1]
  const words =
    Math.abs(seconds) < 60
      ? 'just now'
      : new Intl.RelativeTimeFormat('en').format(Math.trunc(seconds / length), unit)
  return html`<time datetime="${time}" title="${new Date(time).toUTCString()}">${words}</time>`
}
