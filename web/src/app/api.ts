import { createClient } from '../../../src/contract/client.ts'
import { fetchOrTake } from './early-answers.ts'
import { repeatSignedIn } from './session-over.ts'

/** The API of the server that served this page. */
export const api = createClient({
  base_url: '',
  fetch: (url, init) => repeatSignedIn(() => fetchOrTake(url, init)),
})
