/** Which row an authorization is for, as the audit trail names it. */
export function requestInWords(request: {
  /** The token becomes the runtime's own. */
  for_runtime: boolean
  provider: string
  runtime: string
}): string {
  const { for_runtime, provider, runtime } = request
  return for_runtime
    ? `runtime ${runtime} itself at ${provider}`
    : `${provider} on runtime ${runtime}`
}
