import { useQueryClient } from '@tanstack/react-query'
import type { Person } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePerson } from '../app/session.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'

/** Asks before a person goes, with their tokens. */
export function RemovePerson({ person, onClose }: { person: Person; onClose: () => void }) {
  const queryClient = useQueryClient()
  const own = usePerson().id === person.id
  async function remove() {
    await api.deletePerson({ params: { id: person.id } })
    if (own) return location.assign('/sign-in')
    await queryClient.invalidateQueries({ queryKey: ['people'] })
    notify('good', 'Removed', `${person.name} can no longer sign in.`)
  }
  return (
    <ConfirmDialog
      title={own ? 'Remove yourself?' : `Remove ${person.name}?`}
      confirm="Remove person"
      onConfirm={remove}
      onClose={onClose}
      focusAfter="invite-person"
    >
      <p>
        {own ? 'You are' : `${person.name} (${person.email}) is`} signed out everywhere. Pushes as{' '}
        {own ? 'you' : 'this person'} fail on every runtime, from the next one on, and{' '}
        {own ? 'your' : 'their'} tokens are destroyed here.
        {person.role === 'admin' && ` Invitations that ${own ? 'you' : 'they'} made stop working.`}
        {own && ' Only another administrator can invite you again.'}
      </p>
      <p>
        What {own ? 'you' : person.name} allowed by signing in at GitHub or GitLab is revoked there
        too. Pasted tokens, and what was allowed at other Git hosts, work there until they are
        revoked by hand.
      </p>
    </ConfirmDialog>
  )
}
