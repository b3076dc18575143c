import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'

// A second start need not strip types and compile again. The folder is ours, not a shared one.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'compile'))
const { main } = await import('./program.ts')
process.exitCode = await main(process.argv.slice(2))
