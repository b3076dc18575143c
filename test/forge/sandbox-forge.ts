import assert from 'node:assert/strict'
import { startSandbox } from '../../sandbox/sandbox.ts'
import type { Push } from '../../sandbox/state.ts'
import { basic, temporaryFolder } from './git.ts'
import type { ForgeSettings, Gitea } from './gitea.ts'

/** The sandbox behind the interface of the real one. */
export async function startSandboxForge({
  invalidate_refresh_tokens = true,
}: ForgeSettings = {}): Promise<Gitea> {
  const folder = await temporaryFolder()
  const sandbox = await startSandbox({ port: 0, control_port: 0, data_folder: folder.path })
  const control = async (path: string, body: object = {}) => {
    const response = await fetch(`${sandbox.control_url}/control${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 200, await response.clone().text())
  }
  await control('/settings', { invalidate_refresh_tokens })
  async function pushes(): Promise<Push[]> {
    const response = await fetch(`${sandbox.control_url}/control/pushes`)
    return ((await response.json()) as { pushes: Push[] }).pushes
  }
  async function close(): Promise<void> {
    await sandbox.close()
    await folder.remove()
  }
  return {
    url: sandbox.url,
    createUser: (login, password, email, full_name) =>
      control('/users', { login, password, email, full_name }),
    async createToken(login, password, name, scopes) {
      const response = await fetch(`${sandbox.url}/api/v1/users/${login}/tokens`, {
        method: 'POST',
        headers: { ...basic(login, password), 'content-type': 'application/json' },
        body: JSON.stringify({ name, scopes }),
      })
      const token = (await response.json()) as { sha1: string }
      return token.sha1
    },
    async deleteToken(login, password, name) {
      await fetch(`${sandbox.url}/api/v1/users/${login}/tokens/${name}`, {
        method: 'DELETE',
        headers: basic(login, password),
      })
    },
    setProhibitLogin: (login, prohibit_login) =>
      control(`/users/${login}/${prohibit_login ? 'suspend' : 'unsuspend'}`),
    async pusherOf(login, _password, repository, commit) {
      const found = (await pushes()).find(
        (push) => push.repository === `${login}/${repository}` && push.commits.includes(commit),
      )
      return found?.login
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
