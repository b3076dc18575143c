/**
 * Another vault, which took this one for dead, has brought the same thing further meanwhile. The
 * queue comes back to it, and finds what is left to do, if anything.
 */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError'
}
