/** More changes than this make another word of it. */
const MOST_CHANGES = 2

/** The one of `words` that was probably meant by `typed`; undefined when none is near. */
export function suggestion(typed: string, words: readonly string[]): string | undefined {
  const [nearest] = words
    .map((word) => ({ word, changes: changesBetween(typed, word) }))
    .filter(({ word, changes }) => changes <= Math.min(MOST_CHANGES, word.length - 1))
    .sort((one, other) => one.changes - other.changes)
  return nearest?.word
}

/** How many letters to put in, take out or replace: the Levenshtein distance. */
function changesBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (const [at, other] of [...to].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
