/**
 * Loaded before each test file: one that does not end fails, and says what holds it. The limit of a
 * test (`--test-timeout`) reaches neither what a file does outside its tests nor what it leaves
 * behind, such as a program that waits for input, and a run would wait with it.
 */
import { after } from 'node:test'

/** For a whole file; the longest takes a few minutes on two cores that do other work, too. */
const WHOLE_MS = 20 * 60_000
/** From the last test on, with what is stopped and deleted then. */
const TEARDOWN_MS = 60_000

failAfter(WHOLE_MS, 'It has not come to its end')
after(() => failAfter(TEARDOWN_MS, 'Its tests are over, and it goes on'))

/** Holds up nothing itself. */
function failAfter(ms: number, what: string): void {
  const fail = () => {
    const held = process.getActiveResourcesInfo().join(', ')
    console.error(`${process.argv[1]}: ${what} after ${ms / 60_000} min; held by: ${held}`)
    process.exit(1)
  }
  setTimeout(fail, ms).unref()
}
