import type { Broker } from '../events/broker.ts'
import type { Auth } from '../people/auth.ts'
import type { Outbound } from '../providers/http.ts'
import type { Db } from '../store/database.ts'
import type { PageCallers } from './page-callers.ts'

/** What the routes of the server role work with. There is no key among it. */
export interface ServerParts {
  db: Db
  auth: Auth
  callers: PageCallers
  outbound: Outbound
  broker: Broker
  page_url: string
  version: string
}
