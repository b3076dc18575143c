import { join } from 'node:path'
import process from 'node:process'
import { MAIN, type Program, startProgram } from './programs.ts'

/** A vault process; `found[1]` is its address. */
export async function startVault(
  database_url: string,
  vault_key: string,
  data_folder: string,
): Promise<Program & { url: string }> {
  const program = await startProgram(
    [process.execPath, MAIN, 'vault'],
    {
      DATABASE_URL: database_url,
      COUNTERSIGN_DATA: join(data_folder, 'data'),
      COUNTERSIGN_VAULT_KEY: vault_key,
      COUNTERSIGN_VAULT_PORT: '0',
      COUNTERSIGN_LOG_LEVEL: 'info',
    },
    /"url":"([^"]+)".*vault ready/,
  )
  return { ...program, url: program.found[1] ?? '' }
}
