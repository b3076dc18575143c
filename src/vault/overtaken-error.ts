/**
 * Another vault, which took this one for dead, has brought the same thing further meanwhile, or it
 * was taken away. To look again finds what is left to do, if anything.
 */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError'
}
