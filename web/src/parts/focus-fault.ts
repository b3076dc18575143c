/** Moves the focus to the first field of a form that is marked as wrong, once that is drawn. */
export function focusFault(form: HTMLFormElement): void {
  setTimeout(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus())
}
