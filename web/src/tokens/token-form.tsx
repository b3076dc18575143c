import { Button } from '@mantine/core'
import { useState } from 'react'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import type { Problem } from '../../../src/contract/problems.ts'
import { focusPanelTitle, PanelContent, PanelFooter } from '../parts/panel.tsx'
import { isOwn, reusableHere } from './access.ts'
import { AccessSummary, CurrentToken } from './access-summary.tsx'
import { AppMissing } from './app-missing.tsx'
import { OAuthForm } from './oauth-form.tsx'
import { PasteForm } from './paste-form.tsx'
import { Refused } from './refused.tsx'
import { ReuseForm } from './reuse-form.tsx'
import { TokenSource } from './token-source.tsx'
import { firstWay, newWays } from './ways.ts'

/** What the panel asks: with what this runtime may act from now on. */
export function TokenForm({
  access,
  problem,
  onClose,
}: {
  access: AccessDetail
  /** Why the Git host was left without an authorization, just now. */
  problem: Problem | undefined
  onClose: () => void
}) {
  const [chosen, setChosen] = useState(() => firstWay(access, problem !== undefined))
  const reusable = reusableHere(access)
  const ways = newWays(access)
  const connection = reusable.find(({ id }) => id === chosen)
  const way = connection ? undefined : (ways.find((one) => one === chosen) ?? ways[0])
  const other = reusable.length === 0 ? ways.find((one) => one !== way) : undefined
  const goOther =
    other &&
    (() => {
      // What is pressed goes away with its form.
      focusPanelTitle()
      setChosen(other)
    })
  return (
    <>
      <PanelContent>
        <AccessSummary access={access} />
        {problem && <Refused access={access} problem={problem} />}
        {access.authorization && (
          <CurrentToken
            access={access}
            connection={access.authorization.connection}
            way={way}
            stays={connection !== undefined && isOwn(access, connection)}
          />
        )}
        {access.oauth === 'client_not_registered' && <AppMissing access={access} />}
        {reusable.length > 0 && (
          <TokenSource
            access={access}
            reusable={reusable}
            ways={ways}
            chosen={connection?.id ?? way ?? ''}
            onChoose={setChosen}
          />
        )}
      </PanelContent>
      {connection && <ReuseForm access={access} connection={connection} onClose={onClose} />}
      {way === 'oauth' && (
        <OAuthForm
          access={access}
          again={problem !== undefined}
          onClose={onClose}
          onPaste={goOther}
        />
      )}
      {way === 'paste' && <PasteForm access={access} onClose={onClose} onAuthorize={goOther} />}
      {!connection && !way && (
        <PanelFooter>
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </PanelFooter>
      )}
    </>
  )
}
