/** People count: *Git host 2* comes before *Git host 11*. */
const { compare } = new Intl.Collator(undefined, { numeric: true })

/** Items by their names, as the person's language orders them. For lists that are read whole. */
export function byName<Item>(items: readonly Item[], nameOf: (item: Item) => string): Item[] {
  return items.toSorted((one, other) => compare(nameOf(one), nameOf(other)))
}

/** "ci, runner-2, runner-11". */
export function namesInOrder(names: readonly string[]): string {
  return names.toSorted(compare).join(', ')
}
