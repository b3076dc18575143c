import { createClient } from '../../../src/contract/client.ts'
import { fetchOrTake } from './early-answers.ts'

/** The API of the server that served this page. */
export const api = createClient({ base_url: '', fetch: fetchOrTake })
