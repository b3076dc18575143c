import { createClient } from '../../../src/contract/client.ts'

/** The API of the server that served this page. */
export const api = createClient({ base_url: '' })
