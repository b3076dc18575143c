import type { Browser } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { launchChromium, openProfile, type Profile } from './chromium.ts'

/** A Countersign that is in use, and browsers of three people. */
export interface Populated extends AsyncDisposable {
  browser: Browser
  countersign: Countersign
  member: PersonClient
  /** The administrator's browser, the member's, and that of somebody who is not signed in. */
  ada: Profile
  mo: Profile
  nobody: Profile
  runtimes: Record<'waiting' | 'ci' | 'soon' | 'old', RuntimePaths>
  /** Path of an invitation that nobody used yet. */
  invite: string
}

interface RuntimePaths {
  /** The panel for its token. */
  panel: string
  /** The administrators' page about it. */
  page: string
}

const DAY_MS = 86_400_000

/**
 * Ada, an administrator, has a token that works for runtime `ci`, one that ends soon, one that was
 * rejected, and none for `waiting`; Mo, a member, has one for `ci`.
 */
export async function startPopulated(): Promise<Populated> {
  await using resources = new AsyncDisposableStack()
  const countersign = resources.use(await startCountersign())
  const browser = resources.use(await launchChromium())
  const { admin, forge, provider, page_url } = countersign
  const member = await countersign.person('mo')

  async function runtime(name: string) {
    const { runtime } = await countersign.runtime(name)
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    const panel = `/tokens/${runtime.id}/${provider.id}`
    return { row, panel, page: `/admin/runtimes/${runtime.id}` }
  }
  const runtimes = {
    waiting: await runtime('waiting'),
    ci: await runtime('ci'),
    soon: await runtime('soon'),
    old: await runtime('old'),
  }
  await admin.addToken(runtimes.ci.row, await forge.token())
  await member.addToken(runtimes.ci.row, await forge.token('bob'))
  const expires_at = new Date(Date.now() + 3 * DAY_MS).toISOString()
  await admin.addToken(runtimes.soon.row, await forge.token(), { expires_at })
  const revoked = await forge.token('bob', ['all'])
  await admin.addToken(runtimes.old.row, revoked)
  await forge.control('POST', '/control/tokens/revoke', { sha1: revoked })
  await admin.checkNow(runtimes.old.row.runtime_id)
  const { url } = await admin.api.createInvite({ body: { role: 'member' } })

  const profile = async (cookie?: string) =>
    resources.use(await openProfile(browser, page_url, cookie === undefined ? {} : { cookie }))
  const [ada, mo, nobody] = [
    await profile(admin.cookie),
    await profile(member.cookie),
    await profile(),
  ]
  const kept = resources.move()
  return {
    browser,
    countersign,
    member,
    ada,
    mo,
    nobody,
    runtimes,
    invite: url.slice(page_url.length),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
