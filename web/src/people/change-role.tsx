import { useQueryClient } from '@tanstack/react-query'
import type { Person, Role } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePerson } from '../app/session.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'

const words = { admin: 'an administrator', member: 'a member' }

/** A role that is about to change. */
export interface RoleChange {
  person: Person
  role: Role
}

/** Asks before somebody is given, or loses, the pages of administrators. */
export function ChangeRole({ person, role, onClose }: RoleChange & { onClose: () => void }) {
  const queryClient = useQueryClient()
  const { id, name } = person
  const own = usePerson().id === id

  async function change() {
    await api.updatePerson({ params: { id }, body: { role } })
    await queryClient.invalidateQueries({ queryKey: ['people'] })
    notify('good', 'Role changed', `${name} is now ${words[role]}.`)
    void queryClient.invalidateQueries({ queryKey: ['session'] })
  }

  return (
    <ConfirmDialog
      title={own ? `Make yourself ${words[role]}?` : `Make ${name} ${words[role]}?`}
      ends={role === 'member'}
      confirm={role === 'admin' ? 'Make administrator' : 'Make member'}
      onConfirm={change}
      onClose={onClose}
      focusAfter={roleId(id)}
    >
      {role === 'admin' ? (
        <p>
          {name} may then change runtimes, Git hosts, apps and people, and read all activity. Nobody
          else's tokens can be read by it.
        </p>
      ) : (
        <>
          <p>
            {own ? 'You' : name} can no longer change runtimes, Git hosts, apps or people, and the
            invitations that {own ? 'you' : name} made stop working. Tokens and authorizations go on
            working.
          </p>
          {own && <p>Only another administrator can give it back to you.</p>}
        </>
      )}
    </ConfirmDialog>
  )
}

/** Id of the field that shows a person's role: the focus comes back to it. */
export function roleId(person_id: string): string {
  return `role-${person_id}`
}
