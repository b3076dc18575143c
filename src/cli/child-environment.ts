export type Environment = Readonly<Record<string, string | undefined>>

/** Name and e-mail for commits. */
export interface CommitIdentity {
  name: string
  email: string
}

interface ChildEnvironmentOptions {
  /** Ours, which the command inherits but for `COUNTERSIGN_*`. */
  env: Environment
  base_urls: readonly string[]
  socket_path: string
  identity: CommitIdentity
}

/**
 * The environment in which Git asks our socket, and nobody else, for credentials of `base_urls`.
 * Configuration that is already in the environment stays and comes before ours, so ours wins.
 *
 * @throws {RangeError} when `GIT_CONFIG_COUNT` is not a number: Git would stop at it too
 * @see https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT
 */
export function childEnvironment(options: ChildEnvironmentOptions): Record<string, string> {
  const { env, base_urls, socket_path, identity } = options
  const child: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !name.startsWith('COUNTERSIGN_')) child[name] = value
  }
  let count = configCount(env.GIT_CONFIG_COUNT)
  const config = base_urls.flatMap((url) => credentialConfig(url, socket_path))
  for (const [key, value] of config) {
    child[`GIT_CONFIG_KEY_${count}`] = key
    child[`GIT_CONFIG_VALUE_${count}`] = value
    count += 1
  }
  child.GIT_CONFIG_COUNT = String(count)
  if (env.GIT_CONFIG_PARAMETERS) {
    // `git -c` hands its own down in this, which is read last: a helper there would be told tokens.
    const ours = config.map(([key, value]) => `${quoted(key)}=${quoted(value)}`)
    child.GIT_CONFIG_PARAMETERS = [env.GIT_CONFIG_PARAMETERS, ...ours].join(' ')
  }
  child.GIT_AUTHOR_NAME = child.GIT_COMMITTER_NAME = identity.name
  child.GIT_AUTHOR_EMAIL = child.GIT_COMMITTER_EMAIL = identity.email
  return child
}

/**
 * Configuration that has Git ask the agent at `socket_path` about `base_url`.
 *
 * @see https://git-scm.com/docs/gitcredentials
 */
function credentialConfig(
  base_url: string,
  socket_path: string,
): readonly (readonly [key: string, value: string])[] {
  const section = `credential.${base_url}`
  return [
    // An empty helper clears those that other configuration has named.
    [`${section}.helper`, ''],
    [`${section}.helper`, credentialHelper(socket_path)],
    [`${section}.useHttpPath`, 'true'],
  ]
}

/**
 * What Git is to run so that it asks the agent at `socket_path`. Git has a shell run it: one that is
 * replaced by the helper, and does not wait for it, takes less time. So does a helper that reads no
 * files of a language that it has hardly a word to say in.
 */
export function credentialHelper(socket_path: string): string {
  // Should Git ever start a cache daemon of its own here, it forgets after a second.
  return `!LC_ALL=C exec git credential-cache --timeout=1 --socket=${shellQuoted(socket_path)}`
}

function configCount(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new RangeError('GIT_CONFIG_COUNT in the environment is not a number')
}

/** Git hands a helper with arguments to the shell. */
function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word)
}

/** As the shell and Git itself read it back. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
