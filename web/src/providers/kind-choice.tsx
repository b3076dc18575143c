import { Radio } from '@mantine/core'
import type { ProviderKind } from '../../../src/contract/resources.ts'
import { kinds } from './kinds.ts'

/** What software or service a Git host is. */
export function KindChoice({
  kind,
  onChange,
}: {
  kind: ProviderKind
  onChange: (kind: ProviderKind) => void
}) {
  return (
    <Radio.Group label="Kind" value={kind} onChange={(value) => isKind(value) && onChange(value)}>
      {Object.entries(kinds).map(([value, name]) => (
        <Radio key={value} value={value} label={name} mt={8} />
      ))}
    </Radio.Group>
  )
}

function isKind(value: string): value is ProviderKind {
  return Object.hasOwn(kinds, value)
}
