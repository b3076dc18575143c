import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { apiRoute } from './api/api-route.ts'
import { applicationOperations } from './api/applications.ts'
import { repositoryOperations } from './api/repositories.ts'
import { userOperations } from './api/users.ts'
import { type Call, type CallLog, createCallLog, pathOf } from './calls.ts'
import { createControlServer } from './control.ts'
import { type Fault, spoil, takeFault } from './faults.ts'
import { type Match, routeTable, sendText } from './http.ts'
import { writeHooks } from './http-backend.ts'
import { oauthRoutes } from './oauth/oauth-routes.ts'
import { pageRoutes } from './pages/page-routes.ts'
import { seedForge } from './seed.ts'
import { smartHttpRoutes } from './smart-http.ts'
import { type Forge, openForge } from './state.ts'

export interface SandboxOptions {
  /** The address of the forge; `127.0.0.1` when it is not given. The control port never leaves it. */
  host?: string
  /** 0 for any free port. */
  port: number
  /** 0 for any free port; without it nobody can do to the forge what tests do. */
  control_port?: number
  data_folder: string
  now?: () => Date
}

export interface Sandbox extends AsyncDisposable {
  url: string
  /** Undefined without a control port. */
  control_url: string | undefined
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/**
 * Starts the sandbox forge: the part of Gitea that Countersign uses, with pages for people, and,
 * if it is wanted, a control port for tests. What it knows is kept in `data_folder`; the first start fills it with
 * the demo accounts. `close` ends open connections and returns when everything is on disk.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { forge, first_start } = await openForge(
    options.data_folder,
    options.now ?? (() => new Date()),
  )
  await writeHooks(options.data_folder)
  if (first_start) {
    await seedForge(forge)
    await forge.flush()
  }
  const faults: Fault[] = []
  const calls = createCallLog()
  const server = createForgeServer(forge, faults, calls)
  forge.url = await listen(server, options.host ?? LOOPBACK, options.port)
  const servers = [server]
  let control_url: string | undefined
  if (options.control_port !== undefined) {
    const control = createControlServer(forge, faults, calls)
    control_url = await listen(control, LOOPBACK, options.control_port)
    servers.push(control)
  }

  async function close(): Promise<void> {
    await Promise.all(servers.map(stop))
    await forge.flush()
  }
  return { url: forge.url, control_url, close, [Symbol.asyncDispose]: close }
}

function createForgeServer(forge: Forge, faults: Fault[], calls: CallLog): Server {
  const operations = [
    ...userOperations(forge),
    ...repositoryOperations(forge),
    ...applicationOperations(forge),
  ]
  const find = routeTable([
    ...operations.map((operation) => apiRoute(forge, operation)),
    ...oauthRoutes(forge),
    ...smartHttpRoutes(forge),
    ...pageRoutes(forge),
  ])
  return createServer(async (request, response) => {
    const method = request.method ?? 'GET'
    const path = pathOf(request)
    const match = find(method, path)
    const call: Call = {
      at: forge.now().toISOString(),
      method,
      path,
      pattern: match?.route.pattern ?? '*',
      status: null,
    }
    calls.add(call)
    response.once('close', () => {
      call.status = response.headersSent ? response.statusCode : null
    })
    try {
      const fault = takeFault(faults, path)
      if (fault && (await spoil(response, fault))) return
      await answer(match, request, response)
    } catch (error) {
      console.error(`${method} ${path}:`, error)
      if (response.headersSent) response.destroy()
      else sendText(response, 500, 'Internal Server Error\n')
    }
  })
}

async function answer(
  match: Match | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!match) return sendText(response, 404, '404 page not found\n')
  const url = new URL(request.url ?? '/', 'http://forge')
  await match.route.handle({ request, response, url, params: match.params })
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port to listen on')
  const everywhere = host === '0.0.0.0' || host === '::'
  const name = everywhere ? LOOPBACK : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${address.port}`
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
