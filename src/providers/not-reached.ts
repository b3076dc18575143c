const UNKNOWN_AUTHORITY =
  'its certificate is from an authority that is not known here (NODE_EXTRA_CA_CERTS can name it)'

/** Codes of Node, OpenSSL and undici, with what they mean to whoever looks into it. */
const REASONS: Record<string, string> = {
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'no way through the network leads there',
  ENETUNREACH: 'no way through the network leads there',
  ETIMEDOUT: 'it does not take connections',
  UND_ERR_CONNECT_TIMEOUT: 'it does not take connections',
  ECONNRESET: 'it hung up',
  EPIPE: 'it hung up',
  UND_ERR_SOCKET: 'it hung up',
  CERT_HAS_EXPIRED: 'its certificate has ended',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there speaks no TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what listens there speaks no TLS',
}

/**
 * Why a host could not be reached, as the end of a sentence; undefined where there is nothing to say.
 *
 * @param error from a connection, or from what was sent over it
 * @see https://nodejs.org/api/errors.html, https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
export function whyNotReached(error: Error): string | undefined {
  if (error.name === 'HTTPParserError') return 'what listens there speaks no HTTP'
  return 'code' in error && typeof error.code === 'string' ? REASONS[error.code] : undefined
}
