import { flushSync } from 'react-dom'

/** Around a field of Mantine's there may be something that is marked, too. */
const FAULTY = ':is(input, textarea, select)[aria-invalid="true"]'

/**
 * Moves the focus to the first field of a form that is marked as wrong, once that is drawn.
 *
 * @param form without it, the one that has the focus
 */
export function focusFault(form: ParentNode = focusedForm()): void {
  setTimeout(() => form.querySelector<HTMLElement>(FAULTY)?.focus())
}

/** Marks fields of the form that has the focus as wrong, by an answer, and moves it to the first. */
export function showFaults(mark: () => void): void {
  const form = focusedForm()
  flushSync(mark)
  form.querySelector<HTMLElement>(FAULTY)?.focus()
}

/** Not every browser gives a button the focus that was pressed. */
function focusedForm(): ParentNode {
  return document.activeElement?.closest('form') ?? document
}
