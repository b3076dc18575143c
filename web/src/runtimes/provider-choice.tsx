import { Button, Checkbox } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { sentenceFor } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { shortAddress } from '../providers/address.ts'
import classes from './provider-choice.module.css'
import { providerChoiceQuery } from './runtimes.ts'

/** Which Git hosts a runtime uses. */
export function ProviderChoice({
  value,
  onChange,
}: {
  value: string[]
  onChange: (ids: string[]) => void
}) {
  const { data, isError, error, refetch } = useQuery(providerChoiceQuery)
  if (isError) {
    return (
      <Message tone="bad" urgent action={<Button onClick={() => refetch()}>Try again</Button>}>
        <p>{sentenceFor(error)}</p>
      </Message>
    )
  }
  if (!data) return <SkeletonLine lines={3} />
  if (data.length === 0) {
    return (
      <Message tone="info" title="No Git host is registered yet.">
        <p>
          A runtime without one waits. <Link to="/admin/providers/new">Add a Git host</Link> now, or
          after this.
        </p>
      </Message>
    )
  }
  return (
    <Checkbox.Group
      label="Git hosts"
      description="For each of them, people can authorize this runtime."
      value={value}
      onChange={onChange}
    >
      <div className={classes.choice}>
        {data.map(({ id, name, base_url }) => (
          <Checkbox key={id} value={id} label={name} description={shortAddress(base_url)} />
        ))}
      </div>
    </Checkbox.Group>
  )
}
