import { Suspense, useEffect, useState } from 'react'
import { lazyPart } from '../app/missing-part.ts'
import { ProgressLine } from '../parts/progress-line.tsx'

export const TokenPanel = lazyPart(() => import('./token-panel.tsx'), 'TokenPanel')

/** The panel of a row, for which the list below does not wait: it begins when that is drawn. */
export function TokenPanelOnTop() {
  const [begun, setBegun] = useState(false)
  useEffect(() => {
    // Where it could not be loaded before, another try begins anew.
    void TokenPanel.preload?.()
    setBegun(true)
  }, [])
  return (
    begun && (
      <Suspense fallback={<ProgressLine />}>
        <TokenPanel />
      </Suspense>
    )
  )
}
