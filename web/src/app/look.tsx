import { MantineProvider } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { Notifications } from '@mantine/notifications'
import type { ReactNode } from 'react'
import { colorSchemeManager, cssVariablesResolver, theme } from './theme.ts'

declare global {
  /** Where react-remove-scroll, inside Mantine's dialogs, looks for the nonce of its style. */
  var __webpack_nonce__: string | undefined
}

/** The nonce that this page's Content-Security-Policy allows for style elements. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ''
globalThis.__webpack_nonce__ = nonce

/** Everything that decides how the pages look. */
export function Look({ children }: { children: ReactNode }) {
  // Where they cover no button of a panel.
  const narrow = useMediaQuery('(max-width: 48em)', undefined, { getInitialValueInEffect: false })
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariablesResolver}
      colorSchemeManager={colorSchemeManager}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      {children}
      <Notifications
        position={narrow ? 'top-center' : 'bottom-left'}
        autoClose={6000}
        containerWidth={400}
      />
    </MantineProvider>
  )
}
