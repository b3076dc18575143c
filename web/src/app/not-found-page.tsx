import { LinkButton } from '../parts/link-button.tsx'
import { Notice } from '../parts/notice.tsx'

export function NotFoundPage() {
  return (
    <main>
      <Notice title="There is no page here">
        <p>The address may be mistyped, or what it named was removed.</p>
        <LinkButton to="/tokens">Go to your tokens</LinkButton>
      </Notice>
    </main>
  )
}
