import { ProblemError, type RuntimeClient } from '../contract/index.ts'

/**
 * The calls of a runtime whose key may be rotated meanwhile: once the vault does not take it any
 * more, they are made with the one that has its place.
 *
 * @param callsOf the calls with a key
 * @param first the key to begin with
 * @param readKey tells what has its place; undefined where there is nothing
 */
export function callsWithRotatedKey(
  callsOf: (key: string) => RuntimeClient,
  first: string,
  readKey: () => Promise<string | undefined>,
): RuntimeClient {
  let key = first

  async function call<T>(make: (calls: RuntimeClient) => Promise<T>): Promise<T> {
    const used = key
    try {
      return await make(callsOf(used))
    } catch (error) {
      if (!(error instanceof ProblemError) || error.type !== 'runtime-key-invalid') throw error
      const newer = await readKey()
      if (newer === undefined || newer === used) throw error
      key = newer
      return await make(callsOf(newer))
    }
  }

  return {
    issueCredential: (...given) => call((calls) => calls.issueCredential(...given)),
    reportCredential: (...given) => call((calls) => calls.reportCredential(...given)),
    readRepositoryAccess: (...given) => call((calls) => calls.readRepositoryAccess(...given)),
    getRuntimeView: (...given) => call((calls) => calls.getRuntimeView(...given)),
  }
}
