/** The query part of an address, as plain text in both directions. */
export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(values: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string' && value !== '') query.set(name, value)
  }
  return query.size === 0 ? '' : `?${query}`
}

/** A page's query part in which these names count. */
export function search<Name extends string>(...names: Name[]) {
  return (values: Record<string, unknown>): { [name in Name]?: string } => {
    const known: { [name in Name]?: string } = {}
    for (const name of names) {
      const value = values[name]
      if (typeof value === 'string' && value !== '') known[name] = value
    }
    return known
  }
}
