import type { ActsFor, CredentialRequest, RuntimeClient } from '../contract/index.ts'
import {
  type Attributes,
  type DaemonRequest,
  serializeAttributes,
} from '../git-credential/format.ts'
import { type Refusal, refusalFrom } from './refusal.ts'

/** Seconds a credential should still live: a clone asks once and then makes several requests. */
const MIN_TTL = 300

/** For Git, nothing: it goes on to its next helper. */
const NOTHING = ''
/** Git stops here, and neither asks other helpers nor prompts. */
const QUIT = serializeAttributes(new Map([['quit', '1']]))

export interface AnswerOptions {
  vault: RuntimeClient
  /** For whom Git acts: a person by e-mail address or id, or the runtime itself. */
  acts_for: ActsFor
  onRefusal: (refusal: Refusal, host: string) => void
}

/**
 * What to say to Git's `request`. `store` is acknowledged and forgotten; `exit` is for a daemon
 * that may be stopped by its clients, which we are not.
 *
 * @param signal aborts when nobody waits for the answer any more
 */
export async function answerRequest(
  { action, attributes }: DaemonRequest,
  { vault, acts_for, onRefusal }: AnswerOptions,
  signal: AbortSignal,
): Promise<string> {
  const wanted = credentialRequest(attributes, acts_for)
  if (wanted === undefined || action === 'store' || action === 'exit') return NOTHING
  try {
    if (action === 'get') return await issue(vault, wanted)
    await vault.reportCredential({ body: wanted })
  } catch (error) {
    const refusal = refusalFrom(error)
    if (signal.aborted || refusal.type === 'host-not-registered') return NOTHING
    // Git already knows that the credential does not work; a report that is lost changes nothing.
    if (action === 'erase') return NOTHING
    onRefusal(refusal, wanted.host)
    return QUIT
  }
  return NOTHING
}

function credentialRequest(
  attributes: Attributes,
  acts_for: ActsFor,
): CredentialRequest | undefined {
  const protocol = attributes.get('protocol')
  const host = attributes.get('host')
  const path = attributes.get('path')
  if ((protocol !== 'https' && protocol !== 'http') || !host) return undefined
  return { ...acts_for, protocol, host, ...(path && { path }) }
}

async function issue(vault: RuntimeClient, wanted: CredentialRequest): Promise<string> {
  const credential = await vault.issueCredential({ body: { ...wanted, min_ttl: MIN_TTL } })
  const { username, password } = credential
  // Not its end: Git holds that against its own clock, which may be wrong, and nothing here keeps it.
  return serializeAttributes(
    new Map([
      ['username', username],
      ['password', password],
    ]),
  )
}
