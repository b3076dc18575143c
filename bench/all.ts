import process from 'node:process'
import { measureCredential } from './credential.ts'
import { measureExpiredToken } from './expired-token.ts'
import { measureExpiringTogether } from './expiring-together.ts'
import { measureFill } from './fill.ts'
import { measureFirstLoad } from './first-load.ts'
import { measureLists } from './lists.ts'
import { measureRefreshUnderWay } from './refresh-under-way.ts'
import { measureRoundTrip } from './round-trip.ts'
import { buildPages, type Row, scaleFrom, tableOf } from './row.ts'
import { measureScheduler } from './scheduler.ts'
import { measureStart } from './start.ts'

buildPages()
const scale = scaleFrom(process.argv)
const rows: Row[] = []
for (const [what, measure] of Object.entries({
  'git credential fill': measureFill,
  credentials: measureCredential,
  start: measureStart,
  lists: measureLists,
  'first load': measureFirstLoad,
  'refresh under way': measureRefreshUnderWay,
  'expired token': measureExpiredToken,
  'round trip': measureRoundTrip,
  scheduler: measureScheduler,
  'expiring together': measureExpiringTogether,
})) {
  try {
    rows.push(...(await measure(scale)))
  } catch (error) {
    // The others are still worth knowing.
    process.stderr.write(`${what}: ${(error as Error).message}\n`)
    rows.push({ what, ours: 'failed, see above', reference: '', ratio: '', goal: '', met: false })
  }
}
process.stdout.write(`${tableOf(rows)}\n`)
process.exitCode = rows.some(({ met }) => met === false) ? 1 : 0
