import assert from 'node:assert/strict'
import { ProblemError, type ProblemType, problems, problemUri } from '../../src/contract/index.ts'

/** The problem of this type with which a call of a client fails. */
export async function refusal(call: Promise<unknown>, type: ProblemType): Promise<ProblemError> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    assert.equal(error.type, type, error.detail)
    return error
  }
  assert.fail(`expected ${type}, but the call went well`)
}

/** Holds an answer to what RFC 9457 and our registry say about problems of this type. */
export async function assertProblem(response: Response, type: ProblemType): Promise<void> {
  const text = await response.text()
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/, text)
  const document = JSON.parse(text) as Record<string, unknown>
  assert.equal(document.type, problemUri(type), text)
  assert.equal(document.status, problems[type].status)
  assert.equal(response.status, problems[type].status)
  assert.match(String(document.detail), /\S/)
}
