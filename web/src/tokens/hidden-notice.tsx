import type { Access } from '../../../src/contract/connections.ts'
import { SubmitButton } from '../parts/submit-button.tsx'
import { useNoticeHidden } from './use-notice-hidden.ts'

/** Brings back to the banner what its owner has hidden there. */
export function HiddenNotice({ access }: { access: Access }) {
  const { runtime, provider } = access
  const show = useNoticeHidden(access)
  return (
    <SubmitButton
      type="button"
      variant="subtle"
      color="gray"
      size="compact-xs"
      aria-label={`Show notice again: ${runtime.name} at ${provider.name}`}
      pending={show.isPending}
      onClick={() => {
        if (!show.isPending) show.mutate(false)
      }}
    >
      Show notice again
    </SubmitButton>
  )
}
