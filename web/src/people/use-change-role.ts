import { type InfiniteData, useMutation, useQueryClient } from '@tanstack/react-query'
import type { Person, Role } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'

type PeoplePages = InfiniteData<{ items: Person[]; next_cursor: string | null }>

const words = { admin: 'an administrator', member: 'a member' }

/** Changes a role; the list shows it at once, and takes it back if the server does not agree. */
export function useChangeRole(): (person: Person, role: Role) => void {
  const queryClient = useQueryClient()
  function show(id: string, role: Role) {
    queryClient.setQueriesData<PeoplePages>({ queryKey: ['people', 'list'] }, (old) => {
      if (!old) return old
      const pages = old.pages.map((page) => ({
        ...page,
        items: page.items.map((person) => (person.id === id ? { ...person, role } : person)),
      }))
      return { ...old, pages }
    })
  }
  const mutation = useMutation({
    mutationFn: ({ person, role }: { person: Person; role: Role }) =>
      api.updatePerson({ params: { id: person.id }, body: { role } }),
    onMutate: ({ person, role }) => show(person.id, role),
    onSuccess: async ({ name, role }) => {
      notify('good', 'Role changed', `${name} is now ${words[role]}.`)
      await queryClient.invalidateQueries({ queryKey: ['session'] })
    },
    onError: (error, { person }) => {
      show(person.id, person.role)
      notify('bad', 'Not changed', sentenceFor(error))
    },
  })
  return (person, role) => mutation.mutate({ person, role })
}
