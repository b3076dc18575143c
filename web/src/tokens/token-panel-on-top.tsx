import { lazy, Suspense } from 'react'
import { loadTokenPanel } from './ahead.ts'

const TokenPanel = lazy(async () => ({ default: (await loadTokenPanel()).TokenPanel }))

/** The panel of a row, for which the list below does not wait. */
export function TokenPanelOnTop() {
  return (
    <Suspense>
      <TokenPanel />
    </Suspense>
  )
}
