import { execFile } from 'node:child_process'
import { devNull } from 'node:os'

/**
 * The environment for every git that the sandbox runs: no system or personal configuration, no
 * prompt, and `config` on top as if it came from the command line.
 */
export function gitEnvironment(
  data_folder: string,
  config: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const entries = Object.entries({ 'safe.directory': '*', 'gc.auto': '0', ...config })
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: data_folder,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(entries.length),
  }
  for (const [index, [key, value]] of entries.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key
    environment[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return environment
}

/** Runs git in `folder` and answers what it printed, as it is. Rejects when git fails. */
export function git(
  folder: string,
  args: readonly string[],
  options: { input?: string; environment?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      args,
      {
        cwd: folder,
        env: { ...gitEnvironment(folder), ...options.environment },
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`git ${args[0]}: ${stderr.trim()}`, { cause: error }))
        else resolve(stdout)
      },
    )
    // A git that ends without reading its input says by its exit code whether that was right.
    child.stdin?.on('error', () => {}).end(options.input ?? '')
  })
}
