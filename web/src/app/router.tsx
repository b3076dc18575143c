import type { QueryClient } from '@tanstack/react-query'
import {
  type AnyRouter,
  createRootRouteWithContext,
  createRoute,
  createRouter,
  notFound,
  redirect,
} from '@tanstack/react-router'
import { isId } from '../../../src/contract/ids.ts'
import { readPanelAhead, readTokensAhead } from '../tokens/ahead.ts'
import { TokenPanelOnTop } from '../tokens/token-panel-on-top.tsx'
import { TokensPage } from '../tokens/tokens-page.tsx'
import { ErrorPage, ErrorPageAlone } from './error-page.tsx'
import { lazyPart } from './missing-part.ts'
import { NotFoundPage } from './not-found-page.tsx'
import { parseSearch, search, stringifySearch } from './search.ts'
import { ownPath, readSessionAhead, sessionQuery } from './session.ts'
import { Shell } from './shell.tsx'

const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  notFoundComponent: NotFoundPage,
  errorComponent: ErrorPageAlone,
})

const searchForTo = search('to')

const signIn = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: searchForTo,
  beforeLoad: async ({ context, search }) => {
    const { person } = await context.queryClient.ensureQueryData(sessionQuery)
    if (person) throw redirect({ href: ownPath(search.to), replace: true })
  },
  component: lazyPart(() => import('../sign-in/sign-in-page.tsx'), 'SignInPage'),
})

const invite = createRoute({
  getParentRoute: () => rootRoute,
  path: '/invite',
  component: lazyPart(() => import('../sign-in/invite-page.tsx'), 'InvitePage'),
})

/** Sends those who are not signed in to the sign-in, from where they come back. */
async function requirePerson({ context, location }: BeforeLoad): Promise<void> {
  const { person } = await context.queryClient.ensureQueryData(sessionQuery)
  if (person) return
  throw redirect({ to: '/sign-in', search: { to: location.href }, replace: true })
}

interface BeforeLoad {
  context: { queryClient: QueryClient }
  location: { href: string }
}

/** Where an address would name something by an id and has none, there is no page. */
function requireIds(params: object): void {
  if (!Object.values(params).every(isId)) throw notFound()
}

const device = createRoute({
  getParentRoute: () => rootRoute,
  path: '/device',
  validateSearch: search('user_code'),
  beforeLoad: requirePerson,
  component: lazyPart(() => import('../sign-in/device-page.tsx'), 'DevicePage'),
})

const signedIn = createRoute({
  getParentRoute: () => rootRoute,
  id: 'signed-in',
  component: Shell,
  errorComponent: ErrorPageAlone,
  beforeLoad: requirePerson,
})

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/tokens', replace: true })
  },
})

const searchForTokens = search('q', 'problem')

const tokens = createRoute({
  getParentRoute: () => signedIn,
  path: '/tokens',
  validateSearch: searchForTokens,
  loaderDeps: ({ search }) => ({ q: search.q }),
  loader: ({ context, deps }) => readTokensAhead(context.queryClient, deps.q),
  component: TokensPage,
})

const searchForPanel = search('request')

const token = createRoute({
  getParentRoute: () => tokens,
  path: '$runtimeId/$providerId',
  validateSearch: searchForPanel,
  beforeLoad: ({ params }) => requireIds(params),
  loaderDeps: ({ search }) => ({ request: search.request }),
  loader: ({ context, params, deps }) => readPanelAhead(context.queryClient, params, deps.request),
  component: TokenPanelOnTop,
})

const account = createRoute({
  getParentRoute: () => signedIn,
  path: '/account',
  component: lazyPart(() => import('../account/account-page.tsx'), 'AccountPage'),
})

const admin = createRoute({
  getParentRoute: () => signedIn,
  path: '/admin',
  component: lazyPart(() => import('./admin-only.tsx'), 'AdminOnly'),
})

const adminHome = createRoute({
  getParentRoute: () => admin,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/admin/runtimes', replace: true })
  },
})

const runtimes = createRoute({
  getParentRoute: () => admin,
  path: 'runtimes',
  validateSearch: search('q'),
})

const runtimeList = createRoute({
  getParentRoute: () => runtimes,
  id: 'list',
  component: lazyPart(() => import('../runtimes/runtimes-page.tsx'), 'RuntimesPage'),
})

const runtimeListHome = createRoute({ getParentRoute: () => runtimeList, path: '/' })

const newRuntime = createRoute({
  getParentRoute: () => runtimeList,
  path: 'new',
  component: lazyPart(() => import('../runtimes/new-runtime.tsx'), 'NewRuntime'),
})

const searchForRuntime = search('problem')

const runtime = createRoute({
  getParentRoute: () => runtimes,
  path: '$runtimeId',
  validateSearch: searchForRuntime,
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../runtimes/runtime-page.tsx'), 'RuntimePage'),
})

const editRuntime = createRoute({
  getParentRoute: () => runtime,
  path: 'edit',
  component: lazyPart(() => import('../runtimes/edit-runtime.tsx'), 'EditRuntime'),
})

const runtimeSettings = createRoute({
  getParentRoute: () => runtime,
  path: 'git/$providerId',
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../git-authentication/settings-panel.tsx'), 'SettingsPanel'),
})

const runtimeApp = createRoute({
  getParentRoute: () => runtime,
  path: 'git/$providerId/app',
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../git-authentication/app-panel.tsx'), 'RuntimeApp'),
})

const runtimeToken = createRoute({
  getParentRoute: () => runtime,
  path: 'token/$providerId',
  validateSearch: searchForPanel,
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../runtimes/own-token-panel.tsx'), 'OwnTokenPanel'),
})

const gitAuthentication = createRoute({
  getParentRoute: () => admin,
  path: 'git-authentication',
  validateSearch: search('q'),
  component: lazyPart(
    () => import('../git-authentication/git-authentication-page.tsx'),
    'GitAuthenticationPage',
  ),
})

const defaultApp = createRoute({
  getParentRoute: () => gitAuthentication,
  path: '$providerId',
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../git-authentication/app-panel.tsx'), 'DefaultApp'),
})

const providers = createRoute({
  getParentRoute: () => admin,
  path: 'providers',
  validateSearch: search('q'),
  component: lazyPart(() => import('../providers/providers-page.tsx'), 'ProvidersPage'),
})

const newProvider = createRoute({
  getParentRoute: () => providers,
  path: 'new',
  component: lazyPart(() => import('../providers/new-provider.tsx'), 'NewProvider'),
})

const editProvider = createRoute({
  getParentRoute: () => providers,
  path: '$providerId/edit',
  beforeLoad: ({ params }) => requireIds(params),
  component: lazyPart(() => import('../providers/edit-provider.tsx'), 'EditProvider'),
})

const people = createRoute({
  getParentRoute: () => admin,
  path: 'people',
  validateSearch: search('q'),
  component: lazyPart(() => import('../people/people-page.tsx'), 'PeoplePage'),
})

const newInvite = createRoute({
  getParentRoute: () => people,
  path: 'invite',
  component: lazyPart(() => import('../people/new-invite.tsx'), 'NewInvite'),
})

const activity = createRoute({
  getParentRoute: () => admin,
  path: 'activity',
  validateSearch: search('q'),
  component: lazyPart(() => import('../activity/activity-page.tsx'), 'ActivityPage'),
})

const routeTree = rootRoute.addChildren([
  signIn,
  invite,
  device,
  signedIn.addChildren([
    home,
    tokens.addChildren([token]),
    account,
    admin.addChildren([
      adminHome,
      runtimes.addChildren([
        runtimeList.addChildren([runtimeListHome, newRuntime]),
        runtime.addChildren([editRuntime, runtimeSettings, runtimeApp, runtimeToken]),
      ]),
      gitAuthentication.addChildren([defaultApp]),
      providers.addChildren([newProvider, editProvider]),
      people.addChildren([newInvite]),
      activity,
    ]),
  ]),
])

/** The router at the address of the page; the parts of that page are on their way from here on. */
export function createAppRouter(queryClient: QueryClient) {
  const router = createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultErrorComponent: ErrorPage,
    notFoundMode: 'root',
    scrollRestoration: true,
    parseSearch,
    stringifySearch,
  })
  readSessionAhead(queryClient)
  readAhead(router, queryClient)
  return router
}

/** The router itself would fetch parts, and what they show, only once it has drawn something. */
function readAhead(router: AnyRouter, queryClient: QueryClient): void {
  const isPerson = queryClient.getQueryData(sessionQuery.queryKey)?.person
  for (const { routeId, params, search } of router.matchRoutes(router.latestLocation)) {
    void router.loadRouteChunk(router.routesById[routeId])
    if (!isPerson) continue
    if (routeId === tokens.id) void readTokensAhead(queryClient, search.q)
    if (routeId === token.id) readPanelAhead(queryClient, params, search.request)
  }
}
