/** In one form only: ids are compared as texts, and boxes are bound to them. */
export const ID_PATTERN = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

const form = new RegExp(ID_PATTERN)

/** Whether a text could be the id of anything. */
export function isId(text: string): boolean {
  return form.test(text)
}
