import { param, sendJson } from '../http.ts'
import { applicationsOf, createApplication, deleteApplication } from '../oauth/applications.ts'
import type { Forge } from '../state.ts'
import { type ApiCall, ApiError, type ApiOperation, notFound, readJson } from './api-route.ts'
import { applicationShape } from './shapes.ts'

/** Gitea's API for the OAuth2 applications of an account. */
export function applicationOperations(forge: Forge): ApiOperation[] {
  const pattern = '/user/applications/oauth2'
  return [
    {
      method: 'GET',
      pattern,
      scopes: [['user']],
      signed_in: true,
      handle({ response, account }) {
        const shapes = applicationsOf(forge, account).map((one) => applicationShape(one))
        sendJson(response, 200, shapes)
      },
    },
    {
      method: 'POST',
      pattern,
      scopes: [['user']],
      signed_in: true,
      handle: (call) => create(forge, call),
    },
    {
      method: 'DELETE',
      pattern: `${pattern}/{id}`,
      scopes: [['user']],
      signed_in: true,
      handle(call) {
        const own = applicationsOf(forge, call.account)
        const application = own.find((one) => String(one.id) === param(call, 'id'))
        if (!application) throw notFound()
        deleteApplication(forge, application)
        call.response.writeHead(204).end()
      },
    },
  ]
}

async function create(forge: Forge, call: ApiCall): Promise<void> {
  const body = await readJson(call)
  const { name, redirect_uris } = body
  if (typeof name !== 'string' || name === '') throw new ApiError(422, '[Name]: Required')
  if (!Array.isArray(redirect_uris) || redirect_uris.length === 0) {
    throw new ApiError(422, '[RedirectURIs]: Required')
  }
  const { application, client_secret } = createApplication(forge, call.account, {
    name,
    redirect_uris: redirect_uris.map(String),
    confidential_client: body.confidential_client === true,
    skip_secondary_authorization: body.skip_secondary_authorization === true,
  })
  sendJson(call.response, 201, applicationShape(application, client_secret))
}
