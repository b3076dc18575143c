/** Node's options to run test files with. What waits for ever fails in the end, and says which it is. */
export const TEST_OPTIONS = [
  '--test',
  '--test-concurrency=3',
  '--test-timeout=600000',
  '--import=./test/harness/ends.ts',
  '--test-global-setup=./test/harness/whole-run.ts',
]
