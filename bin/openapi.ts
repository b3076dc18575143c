// `npm run openapi`: writes docs/openapi.json anew from the contract.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { openApiDocument } from '../src/contract/openapi.ts'

const path = join(import.meta.dirname, '..', 'docs', 'openapi.json')
await writeFile(path, `${JSON.stringify(openApiDocument(packageJson.version), null, 2)}\n`)
