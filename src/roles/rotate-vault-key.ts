import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { configFrom } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { readEnv } from '../config/env.ts'
import { readOrCreateSecret, readSecret, syncFolder } from '../config/secrets.ts'
import { livingVaults } from '../jobs/worker-life.ts'
import { generateVaultKey } from '../seal/keys.ts'
import type { Db } from '../store/database.ts'
import { requireMigrated } from '../store/migrate.ts'
import { type Keyring, keyringOf, openKeyring } from '../vault/keyring.ts'
import { openRefreshJournal } from '../vault/refresh-journal.ts'
import { type Resealed, rotateVaultKey } from '../vault/rotate-vault-key.ts'
import { sentenceFor } from './failure-sentence.ts'
import { openOwnDatabase } from './own-database.ts'
import { obtainVaultKey } from './vault-key.ts'

/**
 * `countersign rotate-vault-key`, beside the database and with the key that the data is sealed to,
 * while no vault runs. Whatever it dies of, both keys are on disk, and the same command goes on.
 *
 * @returns the exit code
 */
export async function runRotateVaultKey(env: NodeJS.ProcessEnv): Promise<number> {
  try {
    await using resources = new AsyncDisposableStack()
    const settings = readEnv(env)
    const config = configFrom(settings)
    const database = await openOwnDatabase(resources, config)
    await requireMigrated(database)
    const { db } = database
    const given = settings.vault_key
    const file = join(config.data_folder, 'vault.key')
    const next = `${file}.new`
    const begun = await readSecret(next)
    // One that vaults have already is of the rotation before.
    const isOld = begun !== undefined && begun === (given ?? (await readSecret(file)))
    if (begun === undefined || isOld || !(await isKeyOfData(db, await keyringOf(begun)))) {
      const from = await openKeyring(db, await formerKey())
      await refuseVaults(db)
      refuseJournal(join(config.data_folder, 'refresh-journal'), from)
      // It may be the only copy of the key that the data has.
      if (isOld) await rename(next, keptAs(file, from))
      const to = await keyringOf(
        await readOrCreateSecret(next, async () => (await generateVaultKey()).private_key),
      )
      // Nothing rests on a file that may go with its machine before anybody has kept it.
      if (given !== undefined && (begun === undefined || isOld)) {
        say(toKeep(next))
        return 0
      }
      say(summary(await rotateVaultKey(db, { from, to }, refuseVaults), to))
    }
    say(given === undefined ? await putInPlace(file, next) : toGive(next))
    return 0

    async function formerKey(): Promise<string> {
      if ((await keysOfData(db)).length > 0) return await obtainVaultKey(db, config, given)
      throw new ConfigError('No vault was started on this database yet: there is no key to rotate.')
    }
  } catch (error) {
    const sentence = sentenceFor(error)
    if (sentence === undefined) throw error
    process.stderr.write(`countersign: ${sentence}\n`)
    return 1
  }
}

async function keysOfData(db: Db): Promise<string[]> {
  const known = await db.selectFrom('vault_keys').select('key_id').execute()
  return known.map((row) => row.key_id)
}

async function isKeyOfData(db: Db, { key_id }: Keyring): Promise<boolean> {
  return (await keysOfData(db)).includes(key_id)
}

/** What a running vault seals meanwhile, nobody could open afterwards. */
async function refuseVaults(db: Db): Promise<void> {
  const living = await livingVaults(db)
  if (living === 0) return
  throw new ConfigError(
    `${living === 1 ? 'A vault runs' : `${living} vaults run`} on this database. Stop every ` +
      '"countersign vault" and "countersign up", then try again: nothing was changed.',
  )
}

/** Answers in the journal are sealed, too, and belong into the database before its key changes. */
function refuseJournal(folder: string, from: Keyring): void {
  const [first] = openRefreshJournal(folder, from).pending()
  if (first === undefined) return
  if ('file' in first) {
    throw new ConfigError(
      `${first.file} does not open with the vault key: it is damaged, or of another vault. Move it ` +
        'elsewhere, then try again: nothing was changed. Its person may have to authorize again.',
    )
  }
  throw new ConfigError(
    `${folder} has answers in it that the database lacks. Start the vault once more, until that ` +
      'folder is empty, stop it, and try again: nothing was changed.',
  )
}

/** The new key becomes `vault.key`, where there is one at each moment; the former stays beside it. */
async function putInPlace(file: string, next: string): Promise<string> {
  const former = await readSecret(file)
  const kept = former && keptAs(file, await keyringOf(former))
  if (kept !== undefined) await readOrCreateSecret(kept, async () => former as string)
  await rename(next, file)
  await syncFolder(dirname(file))
  return `The key is in ${file}: back it up. The former one is beside it${kept === undefined ? '' : `, in ${kept}`}: keep it as long as there are backups of the database from before.`
}

/** Where a key is kept that has been rotated. */
function keptAs(file: string, { key_id }: Keyring): string {
  return `${file}.${key_id}`
}

function toKeep(next: string): string {
  return (
    `A new key is in ${next}, and nothing is sealed to it yet. Back it up, then run this again: ` +
    'everything is sealed to it then.'
  )
}

function toGive(next: string): string {
  return (
    `The key is in ${next}: give it to every vault in the place of the former one. ` +
    'Keep that as long as there are backups of the database from before.'
  )
}

function summary({ boxes, closed }: Resealed, { key_id }: Keyring): string {
  const lost = closed === 0 ? '' : ` ${closed} more did not open before, and are as they were.`
  return `Sealed anew to vault key ${key_id}: ${boxes}.${lost}`
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
