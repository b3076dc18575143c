import type { FastifyInstance } from 'fastify'
import { ConfigError } from '../config/config-error.ts'

/**
 * Starts to answer on an address.
 *
 * @param setting name of the variable that chooses the port, for the error
 * @returns the address with the port that was taken
 * @throws ConfigError when the port is in use or may not be used
 */
export async function listenOn(
  app: FastifyInstance,
  address: { host: string; port: number },
  setting: string,
): Promise<string> {
  try {
    return await app.listen(address)
  } catch (error) {
    throw listenError(error, address, setting)
  }
}

/** What keeps us from an address, as a `ConfigError`; any other error as it is. */
export function listenError(
  error: unknown,
  { host, port }: { host: string; port: number },
  setting: string,
): unknown {
  const { code } = error as NodeJS.ErrnoException
  const cause = { cause: error }
  if (code === 'EADDRINUSE') {
    return new ConfigError(
      `Another program is using port ${port} on ${host}. Stop it, or choose another port with ` +
        `${setting}.`,
      cause,
    )
  }
  if (code === 'EACCES') {
    return new ConfigError(
      `This machine does not let us use port ${port}. Choose another with ${setting}.`,
      cause,
    )
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new ConfigError(
      `${host} is no address of this machine. Choose another with COUNTERSIGN_HOST.`,
      cause,
    )
  }
  return error
}
