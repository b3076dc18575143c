import type { FastifyInstance } from 'fastify'
import { createInvite, deleteInvite, listInvites } from '../../people/invites.ts'
import { deletePerson, listPeople, updatePerson } from '../../people/people.ts'
import { listAudit } from '../../policy/list-audit.ts'
import { getClientForm } from '../../registrations/client-form.ts'
import {
  deleteClient,
  listClients,
  putClient,
  requestClientTest,
} from '../../registrations/clients.ts'
import { readProvider } from '../../registrations/provider-rows.ts'
import {
  createProvider,
  deleteProvider,
  listProviders,
  updateProvider,
} from '../../registrations/providers.ts'
import { revokeRuntimeKey, rotateRuntimeKey } from '../../runtimes/keys.ts'
import { listRuntimeProviders, updateRuntimeProvider } from '../../runtimes/runtime-providers.ts'
import {
  createRuntime,
  deleteRuntime,
  getRuntime,
  listRuntimes,
  updateRuntime,
} from '../../runtimes/runtimes.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'

/** What administrators do. */
export function administrationRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { db, callers, outbound, page_url } = parts
  const { person: admin } = callers

  bind(app, 'listProviders', admin, ({ query }) => listProviders(db, { limit: 25, ...query }))
  bind(app, 'getProvider', admin, ({ params }) => readProvider(db, params.id))
  bind(app, 'createProvider', admin, ({ body }, { caller: actor, ip }) =>
    createProvider(db, outbound, { ...body, actor, ip }),
  )
  bind(app, 'updateProvider', admin, ({ params, body }, { caller: actor, ip }) =>
    updateProvider(db, outbound, { ...body, id: params.id, actor, ip }),
  )
  bind(app, 'deleteProvider', admin, async ({ params }, { caller: actor, ip }) => {
    await deleteProvider(db, { id: params.id, actor, ip })
    return undefined
  })

  bind(app, 'getClientForm', admin, ({ query }) => getClientForm(db, page_url, query))
  bind(app, 'listClients', admin, ({ query }) => listClients(db, { limit: 25, ...query }))
  bind(app, 'putClient', admin, ({ body }, { caller: actor, ip }) =>
    putClient(db, page_url, { ...body, actor, ip }),
  )
  bind(app, 'testClient', admin, ({ params }, { caller: actor, ip }) =>
    requestClientTest(db, { id: params.id, actor, ip }),
  )
  bind(app, 'deleteClient', admin, async ({ params }, { caller: actor, ip }) => {
    await deleteClient(db, { id: params.id, actor, ip })
    return undefined
  })
  bind(app, 'listRuntimeProviders', admin, ({ params, query }) =>
    listRuntimeProviders(db, params.id, { limit: 25, ...query }),
  )
  bind(app, 'updateRuntimeProvider', admin, ({ params, body }, { caller: actor, ip }) =>
    updateRuntimeProvider(db, { ...params, ...body, actor, ip }),
  )

  bind(app, 'listRuntimes', admin, ({ query }) => listRuntimes(db, { limit: 25, ...query }))
  bind(app, 'getRuntime', admin, ({ params }) => getRuntime(db, params.id))
  bind(app, 'createRuntime', admin, ({ body }, { caller: actor, ip }) =>
    createRuntime(db, { ...body, actor, ip }),
  )
  bind(app, 'updateRuntime', admin, ({ params, body }, { caller: actor, ip }) =>
    updateRuntime(db, { ...body, id: params.id, actor, ip }),
  )
  bind(app, 'deleteRuntime', admin, async ({ params }, { caller: actor, ip }) => {
    await deleteRuntime(db, { id: params.id, actor, ip })
    return undefined
  })
  bind(app, 'createRuntimeKey', admin, async ({ params }, { caller: actor, ip }) => {
    const runtime = await getRuntime(db, params.id)
    const key = await rotateRuntimeKey(db, { actor, ip, runtime })
    return { runtime: await getRuntime(db, params.id), key }
  })
  bind(app, 'deleteRuntimeKey', admin, async ({ params }, { caller: actor, ip }) => {
    const runtime = await getRuntime(db, params.id)
    await revokeRuntimeKey(db, { actor, ip, runtime, key_id: params.key_id })
    return undefined
  })

  bind(app, 'listPeople', admin, ({ query }) => listPeople(db, { limit: 25, ...query }))
  bind(app, 'updatePerson', admin, ({ params, body }, { caller: actor, ip }) =>
    updatePerson(db, { id: params.id, role: body.role, actor, ip }),
  )
  bind(app, 'deletePerson', admin, async ({ params }, { caller: actor, ip }) => {
    await deletePerson(db, { id: params.id, actor, ip })
    return undefined
  })
  bind(app, 'listInvites', admin, ({ query }) => listInvites(db, { limit: 25, ...query }))
  bind(app, 'createInvite', admin, async ({ body }, { caller: actor, ip }) => {
    const { invite, token } = await createInvite(db, { ...body, actor, ip })
    return { invite, url: `${page_url}/invite#${token}` }
  })
  bind(app, 'deleteInvite', admin, async ({ params }, { caller: actor, ip }) => {
    await deleteInvite(db, { id: params.id, actor, ip })
    return undefined
  })

  bind(app, 'listAudit', admin, ({ query }) => listAudit(db, { limit: 25, ...query }))
}
