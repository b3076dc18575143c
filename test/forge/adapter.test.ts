import { after } from 'node:test'
import { gitea } from '../../src/providers/gitea.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { describeAdapter } from '../providers/suite.ts'
import { describeForges, NO_TOKEN } from './populated-forge.ts'

describeForges('the adapter', (forge) => {
  const outbound = openOutbound({ timeout_ms: 20_000 })
  after(() => outbound[Symbol.asyncDispose]())
  describeAdapter(gitea, {
    http: () => outbound.to({ base_url: forge.url, private_address_confirmed: true }),
    good_token: () => forge.token('writer'),
    blind_token: () => forge.token('reader'),
    reader_token: () => forge.token('user'),
    read_only_token: () => forge.token('reader'),
    all_token: () => forge.token('all'),
    stranger_token: () => forge.token('dave'),
    unknown_token: NO_TOKEN,
    suspend: () => forge.accounts.setProhibitLogin('carol', true),
    unsuspend: () => forge.accounts.setProhibitLogin('carol', false),
  })
})
