import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import type { Provider } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { Dialog, DialogButtons } from '../parts/dialog.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { notify } from '../parts/notify.tsx'
import { count } from '../runtimes/runtimes.ts'

/** Removes a Git host, or says why it cannot go yet. */
export function RemoveProvider({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  return provider.runtimes > 0 ? (
    <InUse provider={provider} onClose={onClose} />
  ) : (
    <Remove provider={provider} onClose={onClose} />
  )
}

function Remove({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const queryClient = useQueryClient()
  async function remove() {
    await api.deleteProvider({ params: { id: provider.id } })
    await queryClient.invalidateQueries({ queryKey: ['providers'] })
    notify('good', 'Removed', `${provider.name} is no longer a Git host.`)
  }
  return (
    <ConfirmDialog
      title={`Remove ${provider.name}?`}
      confirm="Remove Git host"
      onConfirm={remove}
      onClose={onClose}
      focusAfter="add-provider"
    >
      <p>No runtime uses it, so nothing stops working. It can be added again later.</p>
    </ConfirmDialog>
  )
}

function InUse({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  return (
    <Dialog title={`${provider.name} is in use`} onClose={onClose}>
      <p>
        {count(provider.runtimes, 'runtime')} still use{provider.runtimes === 1 ? 's' : ''} it. Take
        it out of {provider.runtimes === 1 ? 'that runtime' : 'these runtimes'} first: people's
        authorizations there end with it.
      </p>
      <DialogButtons>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <LinkButton to="/admin/runtimes">Go to runtimes</LinkButton>
      </DialogButtons>
    </Dialog>
  )
}
