// Prepares a clone. Runs on any Node from 20 on, before a single package is installed.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const LOCK = join(ROOT, 'package-lock.json')
const MODULES = join(ROOT, 'node_modules')
const PAGES = join(ROOT, 'dist', 'web')

/** npm and vite say first what went wrong; npm then prints its whole manual. */
const FAILURE_LINES = 25

/** A failure that its sentence explains; a stack trace would only hide it. */
export class SetupError extends Error {}

/**
 * Installs the packages unless they are the ones that package-lock.json asks for.
 *
 * @returns {Promise<void>}
 */
export async function ensureInstalled() {
  const stampPath = join(MODULES, '.countersign-stamp')
  const wanted = hashFiles([LOCK])
  if (readText(stampPath) === wanted) return
  if (!isInstalledByHand()) {
    // The pages are built here, so packages for development are needed in production too.
    const flags = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
    const [file, args] = npm(['ci', ...flags])
    await runWithProgress('Installing packages', file, args)
  }
  await writeFile(stampPath, wanted)
}

/**
 * Builds the web pages unless those in dist/web were built from what is here now.
 *
 * @returns {Promise<void>}
 */
export async function ensurePages() {
  const config = join(ROOT, 'web', 'vite.config.ts')
  const sources = ['web', 'src/contract', 'src/seal'].flatMap((folder) => filesBelow(folder))
  const wanted = hashFiles([...sources, LOCK])
  const stampPath = join(PAGES, '.stamp')
  if (readText(stampPath) === wanted) return
  const vite = join(MODULES, 'vite', 'bin', 'vite.js')
  const args = [vite, 'build', '--config', config, '--logLevel', 'warn']
  await runWithProgress('Building the pages', node24(), args)
  await writeFile(stampPath, wanted)
}

/**
 * The path of the Node that the repository carries; where npm left it out, of this one if it will do.
 *
 * @returns {string}
 * @throws {SetupError}
 */
export function node24() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(MODULES, 'node', 'bin', name)
  if (existsSync(path)) return path
  if (!existsSync(MODULES)) {
    throw new SetupError('The packages are not installed yet. Run `npm run build` once.')
  }
  if (isNode24()) return process.execPath
  throw new SetupError(
    `Countersign's own Node is missing (${path}). Run \`npm ci\`; if your npm is set to ignore ` +
      'install scripts, run `npm ci --ignore-scripts=false`, or use Node 24 or later yourself.',
  )
}

/** @returns {boolean} whether this very process can run our TypeScript */
export function isNode24() {
  return Number(process.versions.node.split('.')[0]) >= 24
}

/**
 * Finds Chromium for the tests of the pages, and installs it where that is ours to do: on Debian,
 * as root.
 *
 * @returns {Promise<string | undefined>} its path
 */
export async function ensureChromium() {
  const found = findChromium()
  if (found !== undefined) return found
  const canInstall = existsSync('/etc/debian_version') && process.getuid?.() === 0
  if (!canInstall) {
    console.error('Chromium is missing, so the tests of the pages are left out. Install the')
    console.error('package `chromium` or Google Chrome, or name a browser in CHROMIUM_BIN.')
    return undefined
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await runWithProgress('Updating package lists', 'apt-get', ['update'], env)
  const install = ['install', '--yes', '--no-install-recommends', 'chromium']
  await runWithProgress('Installing Chromium', 'apt-get', install, env)
  return findChromium()
}

/** @returns {string | undefined} */
function findChromium() {
  const { CHROMIUM_BIN, PATH = '' } = process.env
  if (CHROMIUM_BIN !== undefined) {
    if (isExecutable(CHROMIUM_BIN)) return CHROMIUM_BIN
    throw new SetupError(`CHROMIUM_BIN names ${CHROMIUM_BIN}, which cannot be run.`)
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return PATH.split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** npm writes its own copy of the lock last; one newer than ours means a finished `npm ci`. */
function isInstalledByHand() {
  const copy = statSync(join(MODULES, '.package-lock.json'), { throwIfNoEntry: false })
  const lock = statSync(LOCK)
  if (copy === undefined || existsSync(join(MODULES, '.countersign-stamp'))) {
    return false
  }
  return copy.mtimeMs >= lock.mtimeMs
}

/**
 * The npm that runs us, or else the one in PATH.
 *
 * @param {string[]} args
 * @returns {[file: string, args: string[]]}
 */
function npm(args) {
  const { npm_execpath } = process.env
  if (npm_execpath !== undefined && basename(npm_execpath) === 'npm-cli.js') {
    return [process.execPath, [npm_execpath, ...args]]
  }
  if (process.platform !== 'win32') return ['npm', args]
  return [process.env.ComSpec ?? 'cmd.exe', ['/d', '/s', '/c', 'npm', ...args]]
}

/**
 * Runs a program whose output matters only if it fails.
 *
 * @param {string} title
 * @param {string} file
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<void>}
 */
async function runWithProgress(title, file, args, env = process.env) {
  const progress = showProgress(title)
  const plainEnv = { ...env, NO_COLOR: '1' }
  const child = spawn(file, args, { cwd: ROOT, env: plainEnv, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += `${error.message}\n`
    })
    child.once('close', resolve)
  })
  progress.end()
  if (code === 0) return
  const lines = output.trim().split('\n')
  const shown = lines.slice(0, FAILURE_LINES).join('\n')
  const more = lines.length > FAILURE_LINES ? '\n…' : ''
  throw new SetupError(`${shown}${more}\n\n${title} failed; see above.`)
}

/**
 * One line that counts the seconds; where there is no terminal, one line at the start.
 *
 * @param {string} title
 */
function showProgress(title) {
  const { stderr } = process
  const start = Date.now()
  const seconds = () => Math.round((Date.now() - start) / 1000)
  if (!stderr.isTTY) {
    stderr.write(`${title} …\n`)
    return { end() {} }
  }
  const draw = () => stderr.write(`\r${title} … ${seconds()} s`)
  draw()
  const timer = setInterval(draw, 1000)
  return {
    end() {
      clearInterval(timer)
      stderr.write(`\r${title} … ${seconds()} s\n`)
    },
  }
}

/** @param {string} folder relative to the root */
function filesBelow(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/**
 * Names count too, and each part is told from the next by its length.
 *
 * @param {string[]} paths
 */
function hashFiles(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const content = readFileSync(path)
    hash.update(`${path.slice(ROOT.length)}\n${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
