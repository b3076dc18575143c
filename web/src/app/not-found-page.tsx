import { useQuery } from '@tanstack/react-query'
import { LinkButton } from '../parts/link-button.tsx'
import { Notice } from '../parts/notice.tsx'
import { sessionQuery } from './session.ts'
import { Frame } from './shell.tsx'

export function NotFoundPage() {
  const { data: session } = useQuery(sessionQuery)
  const notice = (
    <Notice title="There is no page here">
      <p>The address may be mistyped, or what it named was removed.</p>
      <LinkButton to="/tokens">Go to your tokens</LinkButton>
    </Notice>
  )
  return session?.person ? <Frame>{notice}</Frame> : <main>{notice}</main>
}
