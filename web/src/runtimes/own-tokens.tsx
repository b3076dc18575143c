import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Access } from '../../../src/contract/connections.ts'
import type { Runtime } from '../../../src/contract/resources.ts'
import type { Revocation } from '../../../src/contract/revocations.ts'
import { api } from '../app/api.ts'
import { type PagedListOf, wholeList } from '../app/paging.ts'
import { DataList } from '../parts/data-list.tsx'
import { Section } from '../parts/section.tsx'
import { accessKey } from '../tokens/access.ts'
import { ownTokenColumns } from '../tokens/columns.tsx'
import { PendingRevocations } from '../tokens/pending-revocations.tsx'
import { TokenOwnerContext } from '../tokens/token-owner.ts'
import { DeleteOwnToken } from './delete-own-token.tsx'
import { ownTokensQuery, runtimeItself } from './own-token.ts'
import classes from './own-tokens.module.css'

/** The robot account of a runtime, at each Git host that it uses. */
export function OwnTokens({ runtime }: { runtime: Runtime }) {
  const list = wholeList(useQuery(ownTokensQuery(runtime.id)))
  const [leaving, setLeaving] = useState<Access>()
  return (
    <TokenOwnerContext value={runtimeItself}>
      <Section title="Runtime's own token">
        <p className={classes.quiet}>
          A robot account, for what the runtime does by itself and for nobody:{' '}
          <code>countersign run --as-runtime</code>. It never takes the place of a person's token.
        </p>
        <DataList
          label={`Own tokens of ${runtime.name}`}
          list={list}
          columns={ownTokenColumns(setLeaving)}
          keyOf={accessKey}
          tableFrom="75em"
          empty={
            <p className={classes.quiet}>
              This runtime uses no Git host yet: choose some with Edit runtime.
            </p>
          }
        />
      </Section>
      <PendingRevocations of={revocationsOf(runtime.id)} />
      {leaving?.authorization && (
        <DeleteOwnToken
          access={leaving}
          connection={leaving.authorization.connection}
          onClose={() => setLeaving(undefined)}
        />
      )}
    </TokenOwnerContext>
  )
}

function revocationsOf(id: string): PagedListOf<Revocation> {
  return [
    ['runtimes', 'revocations', id],
    (page, options) => api.listRuntimeRevocations({ params: { id }, ...page }, options),
  ]
}
