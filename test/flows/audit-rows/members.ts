import { randomUUID } from 'node:crypto'
import { before, suite, test } from 'node:test'
import { type Endpoint, endpoints } from '../../../src/contract/index.ts'
import { createRuntime } from '../../../src/runtimes/runtimes.ts'
import { type AuditTrail, byPerson, denied } from '../../harness/audit-trail.ts'
import type { Countersign } from '../../harness/countersign.ts'
import type { PersonClient } from '../../harness/person.ts'
import { assertProblem, refusal } from '../../harness/problems.ts'

const id = randomUUID()
const row = { runtime_id: id, provider_id: id }

/** What an administrator could send to each endpoint that needs anything of them. */
const bodies: Record<string, object> = {
  createProvider: { kind: 'gitea', name: 'Mine', base_url: 'https://git.example' },
  updateProvider: { name: 'Mine' },
  putClient: { id, provider_id: id, client_id: 'mine', client_secret: 'secret' },
  updateRuntimeProvider: { skip_validation: true },
  createRuntime: { name: 'mine', provider_ids: [] },
  updateRuntime: { description: 'mine' },
  updatePerson: { role: 'admin' },
  createInvite: { role: 'admin' },
  createRuntimeCandidate: { id, ...row, token: 'token' },
  beginRuntimeAuthorization: {
    id,
    ...row,
    state: 's'.repeat(43),
    code_challenge: 'c'.repeat(43),
    code_verifier_box: 'box',
  },
}

/** What members try that only administrators may do. */
export function memberActs(countersign: Countersign, { leaves }: AuditTrail): void {
  const { page_url } = countersign
  const tries = Object.entries<Endpoint>(endpoints).filter(([, { caller }]) => caller === 'admin')

  suite('a member may not do it, which is written down as theirs:', () => {
    let member: PersonClient
    before(async () => {
      member = await countersign.person('tom')
    })

    for (const [name, { method, path }] of tries) {
      test(name, async () => {
        const { cookie, person } = member
        const url = path.replaceAll(/\{\w+\}/g, id)
        const body = bodies[name]
        const ask = () =>
          fetch(`${page_url}${url}${name === 'getClientForm' ? `?provider_id=${id}` : ''}`, {
            method,
            headers: { cookie, ...(body ? { 'content-type': 'application/json' } : {}) },
            body: body ? JSON.stringify(body) : null,
          })
        const reason = 'not-an-administrator'
        const answer = await leaves(ask, () => [
          denied(byPerson(person), 'administration', `${method} ${url}`, reason),
        ])
        await assertProblem(answer, reason)
      })
    }

    test('a runtime that was not made has no id', async () => {
      const { person } = member
      const actor = { kind: 'person', id: person.id, name: person.email, role: 'member' } as const
      const reason = 'not-an-administrator'
      const about = { actor, ip: null, name: 'never', provider_ids: [] }
      await leaves(
        () => refusal(createRuntime(countersign.database.db, about), reason),
        () => [denied(byPerson(person), 'runtime.create', 'never', reason, { ip: null })],
      )
    })
  })
}
