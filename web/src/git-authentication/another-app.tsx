import { Message } from '../parts/message.tsx'
import { type ClientForm, usersInWords } from './clients.ts'

/** Says what ends when the app in this place becomes another one. */
export function AnotherApp({
  form: { client, used_by },
  provider,
  typed,
}: {
  form: ClientForm
  provider: string
  typed: string
}) {
  const users = usersInWords(used_by)
  if (!client || !users || typed === '' || typed === client.client_id) return null
  return (
    <Message tone="warn" title="With another client ID, what people authorized ends.">
      <p>
        {provider} refreshes grants only for the app that they were made for. Git actions of {users}{' '}
        will fail there until they are authorized again.
      </p>
    </Message>
  )
}
