import { Popover, SegmentedControl, UnstyledButton, useMantineColorScheme } from '@mantine/core'
import { IconChevronDown, IconLogout, IconUserCircle } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { Avatar } from '../parts/avatar.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { notify } from '../parts/notify.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { api } from './api.ts'
import classes from './person-menu.module.css'
import { sentenceFor } from './problem.ts'
import { sessionQuery, usePerson } from './session.ts'

const roles = { admin: 'Administrator', member: 'Member' }

/** Who is signed in, how the pages look, and the way out. */
export function PersonMenu() {
  const person = usePerson()
  const signOut = useSignOut()
  const [opened, setOpened] = useState(false)
  return (
    <div className={classes.place}>
      <Popover
        opened={opened}
        onChange={setOpened}
        position="bottom-end"
        width="min(16.5rem, 100vw - 2rem)"
        shadow="md"
        trapFocus
        returnFocus
      >
        <Popover.Target>
          <UnstyledButton
            className={classes.button}
            aria-label={`Account of ${person.name}`}
            onClick={() => setOpened(!opened)}
          >
            <Avatar name={person.name} size={30} />
            <IconChevronDown size={14} aria-hidden />
          </UnstyledButton>
        </Popover.Target>
        <Popover.Dropdown p={0} aria-label="Your account">
          <div className={classes.who}>
            <p className={classes.name}>{person.name}</p>
            <p>{person.email}</p>
            <p>{roles[person.role]}</p>
          </div>
          <ColorScheme />
          <div className={classes.out}>
            <LinkButton
              to="/account"
              variant="subtle"
              color="gray"
              fullWidth
              justify="flex-start"
              leftSection={<IconUserCircle size={16} aria-hidden />}
              onClick={() => setOpened(false)}
            >
              Name and password
            </LinkButton>
            <SubmitButton
              type="button"
              variant="subtle"
              color="gray"
              fullWidth
              justify="flex-start"
              leftSection={<IconLogout size={16} aria-hidden />}
              pending={signOut.isPending}
              onClick={() => {
                if (!signOut.isPending) signOut.mutate()
              }}
            >
              Sign out
            </SubmitButton>
          </div>
        </Popover.Dropdown>
      </Popover>
    </div>
  )
}

function ColorScheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <div className={classes.scheme}>
      <SegmentedControl
        aria-label="Colours"
        size="xs"
        fullWidth
        value={colorScheme}
        onChange={(value) => setColorScheme(value as typeof colorScheme)}
        data={[
          { value: 'auto', label: 'System' },
          { value: 'light', label: 'Light' },
          { value: 'dark', label: 'Dark' },
        ]}
      />
    </div>
  )
}

function useSignOut() {
  const queryClient = useQueryClient()
  const router = useRouter()
  return useMutation({
    mutationFn: () => api.signOut({}),
    onSuccess: async () => {
      queryClient.setQueryData(sessionQuery.queryKey, (old) => old && { ...old, person: null })
      await router.navigate({ to: '/sign-in', replace: true })
      queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
    },
    onError: (error) => notify('bad', 'Not signed out', sentenceFor(error)),
  })
}
