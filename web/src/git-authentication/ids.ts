/** Id of the button that opens an app's panel: the focus comes back to it. */
export function appButtonId(provider_id: string): string {
  return `app-${provider_id}`
}

/** The same, for the settings of a runtime at a Git host. */
export function settingsButtonId(provider_id: string): string {
  return `settings-${provider_id}`
}
