// From the click on "Authorize access" to the row filled in, without what the host took of it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/store/embedded.ts'
import { launchChromium, noChromium, openProfile } from '../test/browser/chromium.ts'
import { type Countersign, startCountersign } from '../test/harness/countersign.ts'
import { beginOAuth, comeBack } from '../test/harness/oauth.ts'
import { startEmptyPages } from './empty-pages.ts'
import { median, ms, percentile, times } from './figures.ts'
import { ROOT, temporaryFolder } from './programs.ts'
import { alone, type Row, type Scale } from './row.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const GOAL_MS = 150

interface Place {
  runtime_id: string
  provider_id: string
}

/** Each round begins with an empty row, and what the host spent is taken off. */
export async function measureRoundTrip({ quick }: Scale): Promise<Row[]> {
  const rounds = quick ? 8 : 25
  await using folder = await temporaryFolder()
  await using postgres = await startEmbeddedPostgres({ folder: join(folder.path, 'pg') })
  await using host = await startTokenServer()
  await using countersign = await startCountersign({
    database_url: postgres.url,
    env: { COUNTERSIGN_LOG_LEVEL: 'info' },
  })
  const place = await offerOAuth(countersign, host)

  /** @param authorize may say itself how long it took, in milliseconds */
  async function timesOf(
    authorize: () => Promise<number | undefined>,
    prepare: () => Promise<unknown> = async () => {},
  ): Promise<number[]> {
    const taken: number[] = []
    for (let round = -5; round < rounds; round += 1) {
      await emptyRow(countersign, place)
      await prepare()
      host.forget()
      const began = performance.now()
      const took = ((await authorize()) ?? performance.now() - began) - host.spent_ms
      if (round >= 0) taken.push(took)
    }
    return taken
  }

  await warmUp(countersign, place)
  const requests = await timesOf(() => authorizeByRequests(countersign, place))
  const rows = [rowOf('requests of the page', requests)]
  if (noChromium || !existsSync(join(ROOT, 'dist', 'web', 'index.html'))) return rows
  await using empty = await startEmptyPages(AUTHORIZE)
  await using browser = await launchChromium()
  await using profile = await openProfile(browser, countersign.page_url, {
    cookie: countersign.admin.cookie,
    others: [host.url, empty.url],
  })
  const { page } = profile
  let filled: (took_ms: number) => void = () => {}
  await page.exposeFunction('rowFilled', (took_ms: number) => filled(took_ms))
  await page.addInitScript(NOTE_TIMES)
  const clicked = (url: string) =>
    timesOf(
      async () => {
        const row = new Promise<number>((resolve) => {
          filled = resolve
        })
        await page.getByRole('button', { name: AUTHORIZE }).click()
        return await row
      },
      async () => {
        await page.goto(url)
        await page.getByRole('button', { name: AUTHORIZE }).waitFor()
      },
    )
  const panel = `/tokens/${place.runtime_id}/${place.provider_id}`
  const inBrowser = await clicked(countersign.page_url + panel)
  const nothing = await clicked(empty.url)
  return [...rows, rowOf('in Chromium, pages loaded and drawn | empty pages', inBrowser, nothing)]
}

/** @param reference what the same takes with nothing on the way */
function rowOf(how: string, taken: readonly number[], reference: readonly number[] = []): Row {
  const middle = median(taken)
  return {
    what: `authorization, click to row filled, without the host's time: ${how}`,
    ours: figureOf(taken),
    reference: reference.length === 0 ? '' : figureOf(reference),
    ratio: reference.length === 0 ? '' : times(middle / median(reference)),
    goal: `<= ${GOAL_MS} ms`,
    met: middle <= GOAL_MS,
  }
}

function figureOf(taken: readonly number[]): string {
  return `${ms(median(taken))} (p90 ${ms(percentile(taken, 90))})`
}

/** As an administrator would: a host with an app, and a runtime that people authorize with it. */
async function offerOAuth({ admin }: Countersign, host: TokenServer): Promise<Place> {
  const { api } = admin
  const { id: provider_id } = await api.createProvider({
    body: { kind: 'gitea', name: HOST, base_url: host.url, private_address_confirmed: true },
  })
  const { id } = await api.getClientForm({ query: { provider_id } })
  await api.putClient({ body: { id, provider_id, client_id: 'bench', client_secret: 'bench' } })
  const { runtime } = await api.createRuntime({
    body: { name: RUNTIME, provider_ids: [provider_id] },
  })
  const place = { runtime_id: runtime.id, provider_id }
  await api.updateRuntimeProvider({ params: place, body: { auth_mode: 'default_client' } })
  return place
}

/** A server that has been at work for a while: its connections know what they are asked. */
async function warmUp({ admin }: Countersign, place: Place): Promise<void> {
  const { api } = admin
  for (let count = 0; count < WARM_UP; count += 1) {
    await Promise.all([
      api.listAccess({}),
      api.listAccess({ query: { in_need: true, limit: 100 } }),
      api.listRuntimes({ query: { in_need: true } }),
      api.getAccess({ params: place }),
      api.getSession({}),
    ])
  }
}

const WARM_UP = 100
const HOST = 'Bench host'
const AUTHORIZE = `Authorize access to ${HOST}`
const RUNTIME = 'round-trip'

async function emptyRow({ admin }: Countersign, { runtime_id }: Place): Promise<void> {
  const { authorization } = await admin.access(runtime_id)
  if (authorization === null) return
  await admin.api.deleteAuthorization({ params: { id: authorization.id } })
}

/** The requests that the page makes, in its order; the host sends the browser straight back. */
async function authorizeByRequests({ admin }: Countersign, place: Place): Promise<undefined> {
  const { authorization_url } = await beginOAuth(admin, place)
  const agreed = await fetch(authorization_url, { redirect: 'manual' })
  const back = await comeBack(agreed.headers.get('location') ?? '', admin.cookie)
  const id = back.searchParams.get('request') ?? ''
  await using events = await admin.events()
  await events.until(async () => {
    const { status } = await admin.api.getAuthorizationRequest({ params: { id } })
    return status === 'completed' ? true : undefined
  })
  const { authorization } = await admin.api.getAccess({ params: place })
  if (authorization === null) throw new Error('The row is still empty.')
}

/**
 * Notes the click, over the loads of pages, and tells in how many milliseconds, by the clock of the
 * browser, a page first showed the filled row. Nothing looks at the page in the meantime, which the
 * page would have to wait for.
 */
const NOTE_TIMES = `addEventListener('click', ({ timeStamp }) => {
  sessionStorage.clicked_at = performance.timeOrigin + timeStamp
}, true)
new MutationObserver((_, observer) => {
  if (!document.querySelector('tr [data-status=valid]')) return
  observer.disconnect()
  const took_ms = performance.timeOrigin + performance.now() - sessionStorage.clicked_at
  delete sessionStorage.clicked_at
  if (took_ms) rowFilled(took_ms)
}).observe(document, { subtree: true, childList: true, attributes: true })`

if (import.meta.main) await alone(measureRoundTrip)
