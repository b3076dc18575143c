import { lazyRouteComponent } from '@tanstack/react-router'
import { Suspense, useState } from 'react'

export const TokenPanel = lazyRouteComponent(() => import('./token-panel.tsx'), 'TokenPanel')

/** The panel of a row, for which the list below does not wait. */
export function TokenPanelOnTop() {
  // Where it could not be loaded before, another try begins anew.
  useState(() => TokenPanel.preload?.())
  return (
    <Suspense>
      <TokenPanel />
    </Suspense>
  )
}
