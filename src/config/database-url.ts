import { ConfigError } from './config-error.ts'

/** What is read of the query; anything else would be read over, and the connection be another one. */
const PARAMETERS = [
  'host',
  'port',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'ssl',
  'uselibpqcompat',
  'options',
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'target_session_attrs',
]

/** Nobody relies on these: we wait for as long as we do, and find out ourselves who is gone. */
const READ_OVER = /^(connect_timeout|keepalives(_\w+)?|tcp_user_timeout)$/

/** Of some, what may be said: with anything else the connection would be another one, or none. */
const VALUES: Record<string, readonly string[]> = {
  sslmode: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'],
  sslnegotiation: ['postgres', 'direct'],
  client_encoding: ['utf8', 'UTF8', 'utf-8', 'UTF-8'],
  // What any server that is used here is.
  target_session_attrs: ['any', 'read-write', 'primary'],
}

/**
 * A PostgreSQL connection URI that means the same to us as to libpq. The address is not repeated in
 * what is said of it: it may hold a password.
 *
 * @throws {ConfigError}
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function databaseUrlFrom(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!/^postgres(ql)?:\/\/./.test(text)) {
    throw new ConfigError('DATABASE_URL must look like postgres://USER:PASSWORD@HOST/DATABASE.')
  }
  const query = new URLSearchParams(text.split('?')[1])
  const hosts = /^\w+:\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(text)?.[1] ?? ''
  if ([hosts, query.get('host'), query.get('port')].some((names) => names?.includes(','))) {
    throw new ConfigError(
      'DATABASE_URL names several hosts, and one is needed: an address that always leads to the ' +
        'primary, such as that of a proxy or a virtual IP.',
    )
  }
  // Without a host, an address with a user is none to `URL`, and is one to PostgreSQL.
  const url = URL.parse(text) ?? URL.parse(text.replace('@/', '@localhost/'))
  if (url === null || url.hash !== '') {
    throw new ConfigError(
      'DATABASE_URL cannot be read as an address. In user and password, @ : / ? # % must be ' +
        'written as %40 %3A %2F %3F %23 %25.',
    )
  }
  const wrong = [...query.keys()].find(
    (name) => !PARAMETERS.includes(name) && !READ_OVER.test(name),
  )
  if (wrong !== undefined) {
    throw new ConfigError(
      `DATABASE_URL has "${wrong}", which is not known here. Known are ${PARAMETERS.join(', ')}.`,
    )
  }
  for (const [name, values] of Object.entries(VALUES)) {
    if (query.getAll(name).some((value) => !values.includes(value))) {
      throw new ConfigError(`In DATABASE_URL, ${name} must be one of ${values.join(', ')}.`)
    }
  }
  const compatible = query.get('uselibpqcompat') === 'true'
  if (compatible && query.get('sslmode') === 'verify-ca' && !query.get('sslrootcert')) {
    throw new ConfigError(
      'In DATABASE_URL, sslmode verify-ca needs sslrootcert with the file of your CA. Where a ' +
        'public one has signed, use verify-full instead.',
    )
  }
  if (query.get('sslrootcert') === 'system') {
    throw new ConfigError(
      'In DATABASE_URL, sslrootcert must name a file. Without it, the CAs that Node knows count.',
    )
  }
  return text
}
