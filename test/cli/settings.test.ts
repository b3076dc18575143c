import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readSettings, type SettingsSources } from '../../src/cli/settings.ts'
import { CommandError } from '../../src/cli/terminal.ts'
import { temporaryFolder } from '../agent/git-end.ts'

const read = (sources: Partial<SettingsSources>) =>
  readSettings({ flags: {}, env: {}, config_paths: [], ...sources })

const unusable = (words: RegExp) => (error: unknown) =>
  error instanceof CommandError && error.exit_code === 2 && words.test(error.message)

/** A configuration file and the key file it names. */
async function configure(folder: string, name: string) {
  await mkdir(join(folder, name))
  const path = join(folder, name, 'agent.json')
  const config = { vault_url: `https://${name}.example`, runtime_key_file: 'key' }
  await writeFile(path, JSON.stringify(config))
  await writeFile(join(folder, name, 'key'), `csr_${name}\n`)
  return path
}

describe('readSettings', () => {
  it('takes flags before environment before configuration, each setting on its own', async () => {
    await using folder = await temporaryFolder()
    const config_paths = [join(folder.path, 'absent.json'), await configure(folder.path, 'first')]
    const key_file = join(folder.path, 'key')
    await writeFile(key_file, '  csr_file\n')

    const fromConfig = await read({ config_paths })
    assert.deepEqual(
      [fromConfig.vault_url, fromConfig.runtime_key],
      ['https://first.example', 'csr_first'],
    )
    const env = { COUNTERSIGN_VAULT_URL: 'https://env.example', COUNTERSIGN_RUNTIME_KEY: 'csr_env' }
    const fromEnv = await read({ config_paths, env })
    assert.deepEqual([fromEnv.vault_url, fromEnv.runtime_key], ['https://env.example', 'csr_env'])
    const fileBeforeKey = await read({
      config_paths,
      env: { ...env, COUNTERSIGN_RUNTIME_KEY_FILE: key_file },
    })
    assert.equal(fileBeforeKey.runtime_key, 'csr_file')
    const flags = { vault: 'https://flag.example', 'runtime-key-file': key_file }
    const { rereadKey = assert.fail, ...fromFlags } = await read({ config_paths, env, flags })
    assert.deepEqual(fromFlags, {
      vault_url: 'https://flag.example',
      runtime_key: 'csr_file',
      key_source: key_file,
    })
    await writeFile(key_file, 'csr_newer')
    assert.equal(await rereadKey(), 'csr_newer')
    await writeFile(key_file, '')
    await assert.rejects(rereadKey, unusable(/does not hold a runtime key/))
  })

  it('takes a named configuration instead of the usual ones', async () => {
    await using folder = await temporaryFolder()
    const config_paths = [await configure(folder.path, 'usual')]
    const byEnv = await configure(folder.path, 'env')
    const byFlag = await configure(folder.path, 'flag')
    const env = { COUNTERSIGN_CONFIG: byEnv }
    assert.equal((await read({ config_paths, env })).runtime_key, 'csr_env')
    const flags = { config: byFlag }
    assert.equal((await read({ config_paths, env, flags })).runtime_key, 'csr_flag')
  })

  it('says what is missing, and what to do', async () => {
    await assert.rejects(read({}), unusable(/no vault is configured\. .*countersign up/))
    const flags = { vault: 'https://vault.example' }
    await assert.rejects(read({ flags }), unusable(/no runtime key is configured\. .*--runtime/))
  })

  it('sends the key to another machine over HTTPS only, unless that is said to be safe', async () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    const ours = own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address))
    const env = { COUNTERSIGN_RUNTIME_KEY: 'csr_env' }
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '[::]', ...ours]) {
      const vault = `http://${host}:7081`
      assert.equal((await read({ env, flags: { vault } })).vault_url, vault)
    }
    const others = [
      'vault.example',
      '198.51.100.7',
      '[2001:db8::7]',
      'localhost.example',
      '127.example',
    ]
    for (const host of others) {
      const vault = `http://${host}:7081`
      const inTheClear = unusable(
        /would get the runtime key in the clear: use its https address.*\.$/,
      )
      await assert.rejects(read({ env, flags: { vault } }), inTheClear)
      const no = { ...env, COUNTERSIGN_VAULT_PLAIN_HTTP: 'no' }
      await assert.rejects(read({ env: no, flags: { vault } }), inTheClear)
      const yes = { ...env, COUNTERSIGN_VAULT_PLAIN_HTTP: 'yes' }
      assert.equal((await read({ env: yes, flags: { vault } })).vault_url, vault)
      const https = `https://${host}:7081`
      assert.equal((await read({ env, flags: { vault: https } })).vault_url, https)
    }
  })

  it('says which file cannot be used, and never what is in it', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'file')
    await writeFile(file, 'hunter2')
    const absent = join(folder.path, 'absent')
    const vault = 'https://vault.example'
    for (const [flags, words] of [
      [{ config: absent }, /there is no configuration file .*absent\.$/],
      [{ config: file }, /file is not JSON\.$/],
      [{ config: folder.path }, /cannot be read \(EISDIR\)\.$/],
      [{ vault, 'runtime-key-file': absent }, /there is no runtime key file .*absent\.$/],
      [{ vault, 'runtime-key-file': file }, /file does not hold a runtime key: .* "csr_"\.$/],
      [{ vault: 'vault.example' }, /"vault\.example" is not the http\(s\) address of a vault\.$/],
      [{ vault: 'file:///etc/passwd' }, /is not the http\(s\) address/],
    ] as const) {
      await assert.rejects(read({ flags }), unusable(words))
    }
    const env = { COUNTERSIGN_VAULT_URL: vault, COUNTERSIGN_RUNTIME_KEY: 'hunter2\nhunter3' }
    await assert.rejects(read({ env }), (error: unknown) => {
      assert.ok(error instanceof CommandError)
      return !error.message.includes('hunter')
    })
  })
})
