import { ForeignAnswerError } from '../../../src/contract/client.ts'
import {
  type Problem,
  ProblemError,
  type ProblemType,
  problemType,
} from '../../../src/contract/problems.ts'

/** What to tell a person about a failed call, in sentences. */
export function sentenceFor(error: unknown): string {
  if (error instanceof ForeignAnswerError) return error.detail
  if (error instanceof ProblemError) {
    if (error.type === 'request-invalid' && error.extensions.errors?.[0]) {
      return error.extensions.errors.map((one) => one.detail).join(' ')
    }
    return problemSentence(error.toProblem())
  }
  return 'Countersign did not answer. Check that it is running and that you are online, then try again.'
}

/** A problem as its two sentences: what happened, and what to do. */
export function problemSentence({ type, title, detail }: Problem): string {
  // What is missing is named by its detail; an address says nothing to a person.
  return problemType(type) === 'not-found' ? detail : `${title}. ${detail}`
}

export function isProblem(error: unknown, type: ProblemType): error is ProblemError {
  return error instanceof ProblemError && error.type === type
}

/** A failed form: sentences by field, and one for the form when it is about no field of it. */
export interface FormProblem {
  fields: Record<string, string>
  form: string | undefined
}

/**
 * Sorts a failed call to the fields of the form that made it.
 *
 * @param fieldOf the field that a problem type is about
 * @param known names of the form's fields; the server's pointers end in them
 */
export function sortProblem(
  error: unknown,
  fieldOf: Partial<Record<ProblemType, string>>,
  known: readonly string[],
): FormProblem {
  const fields: Record<string, string> = {}
  if (!(error instanceof ProblemError)) return { fields, form: sentenceFor(error) }
  for (const one of error.extensions.errors ?? []) {
    const name = known.find((field) => one.pointer.split('/').includes(field))
    if (name) fields[name] = one.detail
  }
  const field = fieldOf[error.type]
  if (field) fields[field] = error.detail
  const form = Object.keys(fields).length === 0 ? sentenceFor(error) : undefined
  return { fields, form }
}
