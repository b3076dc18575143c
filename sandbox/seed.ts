import { createAccount } from './accounts.ts'
import { createRepository } from './repositories.ts'
import type { Forge } from './state.ts'

/** The account that the sign-in page offers to everybody. */
export const DEMO_ACCOUNT = {
  login: 'alice',
  password: 'alice-demo',
  full_name: 'Alice Demo',
  email: 'alice@example.com',
}

const SECOND_ACCOUNT = {
  login: 'bob',
  password: 'bob-demo',
  full_name: 'Bob Demo',
  email: 'bob@example.com',
}

/** Fills an empty forge with two people and two repositories of the first. */
export async function seedForge(forge: Forge): Promise<void> {
  const alice = await createAccount(forge, DEMO_ACCOUNT)
  await createAccount(forge, SECOND_ACCOUNT)
  await createRepository(forge, alice, {
    name: 'hello',
    description: 'A public repository to push to.',
    auto_init: true,
  })
  await createRepository(forge, alice, {
    name: 'private-notes',
    description: 'Only Alice can see this one.',
    private: true,
    auto_init: true,
  })
}
