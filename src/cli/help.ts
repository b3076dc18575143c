import { stdout } from 'node:process'

const overview = `Git access authorized once, per runtime; each runtime acts in Git as the person who
asked.

Usage: countersign COMMAND [FLAGS]

On one machine:
  up        start everything: pages, vault, database and a sandbox Git host
  run       run one command whose Git acts as one person, or as the runtime itself
  access    tell whether a person may read or write a repository

In parts, on several machines:
  server    the pages and the API; cannot read tokens
  vault     the one part that can read tokens; answers agents
  agent     stays beside workloads and answers their Git

Beside the database:
  reset-password    give somebody who cannot sign in another password
  rotate-vault-key  seal everything to a new key, in the place of one that may have leaked

As yourself, from any machine:
  login     sign in on this command line, by a code that you approve in a browser
  authorize let a runtime act as you, without a browser on this machine
  token     add a token of yours for a runtime, sealed on this machine
  whoami    say who is signed in
  logout    end the session of this command line

  version   print the version
  help      print this, or the help of a command

Try:
  countersign up
  countersign run --as alice@example.com -- git push

"countersign COMMAND --help" says more about each.
`

const vaultSettings = `Where the vault is, and who asks:
  --vault URL              address of the vault
  --runtime-key-file FILE  file that holds the runtime key (csr_...); read again when the key
                           has been replaced
  --config FILE            JSON file with "vault_url" and "runtime_key_file"

Each is also looked for in the environment (COUNTERSIGN_VAULT_URL, COUNTERSIGN_RUNTIME_KEY_FILE or
COUNTERSIGN_RUNTIME_KEY, COUNTERSIGN_CONFIG), then in data/agent.json of this installation, which
"countersign up" writes, then in ~/.config/countersign/agent.json. The key goes to another machine
over HTTPS only, unless COUNTERSIGN_VAULT_PLAIN_HTTP is "yes".
`

const serverSettings = `  --server URL             address of Countersign's pages

It is also looked for in the environment (COUNTERSIGN_SERVER_URL), where you are signed in already,
and as "server_url" in the files that "countersign run --help" names.
`

const texts = {
  up: `Start everything on this machine, in one go: the pages, the vault, a PostgreSQL of its own
and a sandbox Git host to try things on. Ctrl-C stops it; the next start finds everything as it was.

Usage: countersign up

All that is kept lies in the data folder, "data" here or the one that COUNTERSIGN_DATA names.
COUNTERSIGN_PORT, COUNTERSIGN_VAULT_PORT and COUNTERSIGN_SANDBOX_PORT choose other ports,
DATABASE_URL a PostgreSQL of yours; docs/administration.md has every setting.

Try:
  countersign up
  DATABASE_URL=postgres://localhost/countersign countersign up
`,
  server: `Serve the pages and the API. This part seals what it is given and cannot read tokens.

Usage: countersign server

Settings come from the environment; DATABASE_URL names the PostgreSQL that it shares with the vault,
COUNTERSIGN_SESSION_SECRET_FILE a file with the secret that all servers share, COUNTERSIGN_PAGE_URL
the address that people open. The pages must be built: "npm run build" does that.

Try:
  openssl rand -base64 32 > session.secret
  DATABASE_URL=postgres://db.internal/countersign COUNTERSIGN_SESSION_SECRET_FILE=session.secret \\
    COUNTERSIGN_PAGE_URL=https://countersign.example.com countersign server
`,
  vault: `Run the part that can read tokens: it checks them at their Git hosts and hands them to
agents.

Usage: countersign vault

Settings come from the environment; DATABASE_URL names the PostgreSQL that it shares with the
server, COUNTERSIGN_DATA the folder that holds its key and its refresh journal.

Try:
  DATABASE_URL=postgres://db.internal/countersign COUNTERSIGN_DATA=/var/lib/countersign \\
    countersign vault
`,
  agent: `Stay beside workloads and answer their Git, for each person at a socket of their own.

Usage: countersign agent --person EMAIL [--person EMAIL ...] [--as-runtime] [FLAGS]

  --person EMAIL           for whom to open a socket; may be given several times
  --as-runtime             open one for the runtime itself, too: its robot account
  --socket-folder DIR      where (default: countersign in $XDG_RUNTIME_DIR, else in /run);
                           the socket is DIR/EMAIL/socket, the runtime's own DIR/runtime/socket

${vaultSettings}
It logs JSON lines to stdout, and stops on SIGTERM or Ctrl-C. Only the account that it runs under
can reach the sockets.

Try:
  countersign agent --person alice@example.com --socket-folder ~/.countersign
  git -c credential.https://git.example.com.helper= \\
      -c credential.https://git.example.com.helper="cache --timeout=1 \\
         --socket=$HOME/.countersign/alice@example.com/socket" push
`,
  run: `Run one command whose Git acts as one person: their token answers, their name and e-mail are
on commits. Nothing is written to any configuration, and nothing is left when the command ends.

Usage: countersign run --as EMAIL [FLAGS] -- COMMAND [ARGUMENTS]
       countersign run --as-runtime [FLAGS] -- COMMAND [ARGUMENTS]

  --as EMAIL               the person
  --as-runtime             nobody: the runtime itself, with its robot account
  --provider NAME          the Git host whose account commits, when there are several

${vaultSettings}
It ends with the exit code of the command; 2 when its own flags or settings are wrong, 3 when the
vault gives no access. The command gets standard input, output and error; do not rely on other file
descriptors. What goes on after it ends, or under another account, gets no credentials.

Try:
  countersign run --as alice@example.com -- git clone https://git.example.com/team/app.git
  countersign run --as alice@example.com -- git push
  countersign run --as alice@example.com -- bash
  countersign run --as-runtime -- git fetch
`,
  access: `Tell whether a person may read or write a repository, with the token that this runtime may
use. The Git host is asked; nothing is changed there.

Usage: countersign access --as EMAIL [FLAGS] URL
       countersign access --as-runtime [FLAGS] URL

  --as EMAIL               the person
  --as-runtime             nobody: the runtime itself, with its robot account
  --json                   print {"visible", "read", "write", "sign_on_page"}

${vaultSettings}
It ends with 0 when the host has answered, whatever the answer; 2 when its own flags or settings are
wrong, 3 when the vault gives no access or the host could not be asked.

Try:
  countersign access --as alice@example.com https://git.example.com/team/app.git
  countersign access --as-runtime https://git.example.com/team/app.git
  countersign access --as alice@example.com --json https://git.example.com/team/app.git
`,
  'reset-password': `Give somebody another password, for who has forgotten theirs. It is asked for on the terminal,
where it is not shown, or read from standard input. All their sessions end, those of command lines
too; their tokens and authorizations stay. A Countersign that runs meanwhile goes on.

Usage: countersign reset-password EMAIL

It works on the database itself: the one that DATABASE_URL names, or else the one in the data folder
(COUNTERSIGN_DATA, without it "data" in the current folder), as the user who owns that.

Try:
  countersign reset-password ada@example.com
  DATABASE_URL=postgres://db.internal/countersign countersign reset-password ada@example.com
`,
  'rotate-vault-key': `Seal everything in the database to a new vault key: tokens, secrets of OAuth apps, and what is
under way. All of it in one transaction, or nothing. Stop every vault and "countersign up" before;
pages may go on, and cannot change tokens meanwhile.

Usage: countersign rotate-vault-key

It works on the database itself: the one that DATABASE_URL names, or else the one in the data folder
(COUNTERSIGN_DATA, without it "data" in the current folder), as the user who owns that. The key of
now comes from COUNTERSIGN_VAULT_KEY, COUNTERSIGN_VAULT_KEY_FILE or "vault.key" in the data folder,
as for a vault. Where it is "vault.key" there, the new one takes its place. Elsewhere the first run
makes "vault.key.new" in the data folder, for you to keep, and the second seals everything to it. If
the command was interrupted, run it again.

Try:
  countersign rotate-vault-key
  DATABASE_URL=postgres://db.internal/countersign COUNTERSIGN_VAULT_KEY_FILE=vault.key \\
    countersign rotate-vault-key
`,
  login: `Sign in on this command line. It prints an address and a code; open the address in a browser on
any machine, sign in there and approve the code. The session lasts 14 days and is kept in
countersign/session.json in $XDG_CONFIG_HOME (else ~/.config), which only you can read.

Usage: countersign login [--server URL]

${serverSettings}
Try:
  countersign login --server https://countersign.example.com
`,
  logout: `End the session of this command line, here and at the server.

Usage: countersign logout
`,
  whoami: `Say who is signed in on this command line. Ends with 1 when nobody is.

Usage: countersign whoami [--server URL]

${serverSettings}`,
  authorize: `Authorize a runtime to act as you in Git, without a browser on this machine. It prints the page of
the Git host and a code to enter there, and waits. Where the Git host has no codes it prints the
page of Countersign instead. It signs you in first if need be, and asks whether it is you who
signed in.

Usage: countersign authorize --runtime NAME [FLAGS]

  --runtime NAME           the runtime, by its name or id
  --provider NAME          the Git host, by its name or host, when there are several to authorize
  --yes, -y                go on as who signed in, and let the runtime use what you have authorized
                           for another one, unasked
  --again                  sign in at the Git host although there is something that works
  --replace-account        another account than before may take its place, unasked
${serverSettings}
It ends with 0 when the runtime is authorized, 1 when it is not, 2 when its flags are wrong.

Try:
  countersign authorize --runtime ci
  countersign authorize --runtime ci --provider github.com
`,
  token: `Add a Git personal access token of yours for a runtime, or replace the one it has. The token is
asked for on the terminal, where it is not shown, or read from standard input. It is sealed on this
machine, so that only a vault can read it. Then it is checked, and nothing switches to it unless it
passes. It signs you in first if need be, and asks whether it is you who signed in.

Usage: countersign token add --runtime NAME [FLAGS]

  --runtime NAME           the runtime, by its name or id
  --provider NAME          the Git host, by its name or host, when there are several to authorize
  --ends-on YYYY-MM-DD     the last day of the token, for a Git host that does not say
  --yes, -y                go on as who signed in, unasked
${serverSettings}
It ends with 0 when the runtime has the token, 1 when it was turned down or could not be checked, 2
when its flags are wrong.

Try:
  countersign token add --runtime ci
  countersign token add --runtime ci --provider git.example.com < token.txt
`,
  version: `Print the version.

Usage: countersign version
`,
  help: `Print what commands there are, or the help of one.

Usage: countersign help [COMMAND]
`,
} as const

export type CommandName = keyof typeof texts

/** Every command that there is. */
export const commandNames = Object.keys(texts) as readonly CommandName[]

/** What `--help` prints for a command, and for no command at all. */
export function helpText(command?: CommandName): string {
  return command === undefined ? overview : texts[command]
}

/** Prints it. Returns the exit code. */
export function help(command?: CommandName): number {
  stdout.write(helpText(command))
  return 0
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(texts, name)
}
