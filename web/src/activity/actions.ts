import { problems } from '../../../src/contract/problems.ts'

/** What each action of the audit trail is, as a sentence would say it. */
export const actionWords: Record<string, string> = {
  administration: 'Tried what administrators do',
  'account.update': 'Changed their name',
  'account.change_password': 'Changed their password',
  'session.delete_all': 'Signed out everywhere',
  'authorization.create': 'Authorized a runtime',
  'authorization.delete': 'Deleted an authorization',
  'authorization.update': 'Hid or showed a notice',
  'authorization_request.cancel': 'Gave up an authorization',
  'authorization_request.confirm': 'Confirmed another account',
  'authorization_request.create': 'Began to authorize a runtime',
  'authorization_request.finish': 'Finished an authorization',
  'authorization_request.return': 'Came back from a Git host',
  'candidate.create': 'Handed in a token',
  'candidate.finish': 'Checked a new token',
  'client.delete': 'Removed a Git app',
  'client.put': 'Registered a Git app',
  'client.test': 'Asked for a test of a Git app',
  'client.tested': 'Tested a Git app',
  'connection.check': 'Asked for a check',
  'connection.refresh': 'Refreshed a token',
  'connection.revoke': 'Revoked an authorization',
  'connection.status': 'Checked a token',
  'credential.issue': 'Got a credential',
  'credential.report': 'Reported a refused credential',
  'device_sign_in.answer': 'Answered a command line',
  'invite.accept': 'Accepted an invitation',
  'invite.create': 'Invited somebody',
  'invite.delete': 'Withdrew an invitation',
  'person.delete': 'Removed a person',
  'person.reset_password': 'Reset a password',
  'vault_key.rotate': 'Rotated the vault key',
  'person.update': 'Changed a role',
  'provider.create': 'Added a Git host',
  'provider.move': 'Changed the address of a Git host',
  'provider.delete': 'Removed a Git host',
  'provider.update': 'Changed a Git host',
  'repository.access': 'Asked about a repository',
  'runtime.create': 'Registered a runtime',
  'runtime.delete': 'Removed a runtime',
  'runtime.update': 'Changed a runtime',
  'runtime_key.create': 'Rotated a runtime key',
  'runtime_key.delete': 'Revoked a runtime key',
  'runtime_provider.update': 'Changed how people authorize',
  'runtime_token.authorize': 'Began to authorize a runtime itself',
  'runtime_token.check': "Asked for a check of a runtime's own token",
  'runtime_token.confirm': 'Confirmed another account of a runtime',
  'runtime_token.create': "Handed in a runtime's own token",
  'runtime_token.delete': "Deleted a runtime's own token",
  'runtime_token.return': 'Came back from a Git host for a runtime',
  'session.create': 'Signed in',
  'session.delete': 'Signed out',
}

/** An action of the audit trail as a sentence would say it. */
export function actionInWords(action: string): string {
  return actionWords[action] ?? action.replaceAll(/[._]/g, ' ')
}

/** A reason of the audit trail, which may be the name of a problem. */
export function reasonInWords(reason: string): string {
  const known: Record<string, { title: string }> = problems
  return known[reason]?.title ?? reason
}
