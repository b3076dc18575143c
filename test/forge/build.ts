import { giteaBinary } from './gitea.ts'

/** Builds the real Gitea for the conformance tests, which takes some minutes the first time. */
process.stdout.write(`${await giteaBinary()}\n`)
