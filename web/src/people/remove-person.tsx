import { useQueryClient } from '@tanstack/react-query'
import type { Person } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'

/** Asks before a person goes, with their tokens. */
export function RemovePerson({ person, onClose }: { person: Person; onClose: () => void }) {
  const queryClient = useQueryClient()
  async function remove() {
    await api.deletePerson({ params: { id: person.id } })
    await queryClient.invalidateQueries({ queryKey: ['people'] })
    notify('good', 'Removed', `${person.name} can no longer sign in.`)
  }
  return (
    <ConfirmDialog
      title={`Remove ${person.name}?`}
      confirm="Remove person"
      onConfirm={remove}
      onClose={onClose}
      focusAfter="invite-person"
    >
      <p>
        {person.name} ({person.email}) is signed out everywhere. Pushes as this person fail on every
        runtime, from the next one on, and their tokens are destroyed here.
        {person.role === 'admin' && ' Invitations that they made stop working.'}
      </p>
      <p>
        What {person.name} allowed by signing in at GitHub or GitLab is revoked there too. Pasted
        tokens, and what was allowed at other Git hosts, work there until they are revoked by hand.
      </p>
    </ConfirmDialog>
  )
}
