import { after } from 'node:test'
import { openAuditTrail } from '../harness/audit-trail.ts'
import { startCountersign } from '../harness/countersign.ts'
import { administratorActs } from './audit-rows/administrators.ts'
import { grantActs } from './audit-rows/grants.ts'
import { memberActs } from './audit-rows/members.ts'
import { peopleActs } from './audit-rows/people.ts'
import { runtimeTokenActs } from './audit-rows/runtime-tokens.ts'
import { runtimeActs } from './audit-rows/runtimes.ts'
import { tokenActs } from './audit-rows/tokens.ts'

/** Who did what, to what, from where and with which outcome, in every row of the audit trail. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const seen = new Set<string>()
const trail = openAuditTrail(countersign.admin.api, countersign.database, seen)

peopleActs(countersign, trail)
tokenActs(countersign, trail)
grantActs(countersign, trail)
administratorActs(countersign, trail)
runtimeTokenActs(countersign, trail)
memberActs(countersign, trail)
runtimeActs(countersign, trail)
