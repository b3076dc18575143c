/** The button of a Git host's row that opens its *Edit* panel. */
export function editButtonId(provider_id: string): string {
  return `edit-${provider_id}`
}
