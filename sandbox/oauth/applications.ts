import { randomBytes, randomUUID } from 'node:crypto'
import { hashSecret } from '../accounts.ts'
import { type Account, type Application, type Forge, type Grant, nextId } from '../state.ts'

export interface NewApplication {
  name: string
  redirect_uris: string[]
  confidential_client: boolean
  skip_secondary_authorization: boolean
}

/** Registers an OAuth2 application. Its secret is not stored and cannot be shown again. */
export function createApplication(
  forge: Forge,
  owner: Account,
  wish: NewApplication,
): { application: Application; client_secret: string } {
  const client_secret = `gto_${randomBytes(32).toString('hex')}`
  const application: Application = {
    ...wish,
    id: nextId(forge.state),
    account_id: owner.id,
    client_id: randomUUID(),
    client_secret_hash: hashSecret(client_secret),
    created_at: forge.now().toISOString(),
  }
  forge.state.applications.push(application)
  forge.changed()
  return { application, client_secret }
}

export function applicationsOf(forge: Forge, owner: Account): Application[] {
  return forge.state.applications.filter((one) => one.account_id === owner.id)
}

/** Removes an application; every grant to it ends, and with them its tokens. */
export function deleteApplication(forge: Forge, application: Application): void {
  const { state } = forge
  state.applications = state.applications.filter((one) => one !== application)
  state.grants = state.grants.filter((one) => one.application_id !== application.id)
  forge.changed()
}

/** What an account allowed applications to do. */
export function grantsOf(forge: Forge, account: Account): Grant[] {
  return forge.state.grants.filter((one) => one.account_id === account.id)
}

/** Takes a grant back: its tokens are bad from now on. */
export function revokeGrant(forge: Forge, grant: Grant): void {
  forge.state.grants = forge.state.grants.filter((one) => one !== grant)
  forge.changed()
}
