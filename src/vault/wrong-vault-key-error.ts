/** The data was sealed to another key than this vault's. */
export class WrongVaultKeyError extends Error {
  override readonly name = 'WrongVaultKeyError'
}
