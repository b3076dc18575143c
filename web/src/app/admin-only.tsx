import { Outlet } from '@tanstack/react-router'
import { LinkButton } from '../parts/link-button.tsx'
import { Notice } from '../parts/notice.tsx'
import { usePerson } from './session.ts'

/** The administrators' pages, or a word to everybody else. */
export function AdminOnly() {
  const { role } = usePerson()
  if (role === 'admin') return <Outlet />
  return (
    <Notice title="This page is for administrators">
      <p>
        Your tokens are yours to manage. To change runtimes, Git hosts or people, ask an
        administrator of this Countersign.
      </p>
      <LinkButton to="/tokens">Go to your tokens</LinkButton>
    </Notice>
  )
}
