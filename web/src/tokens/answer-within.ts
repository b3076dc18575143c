/** How long somebody who looks waits for what a vault is asked to do; a vault that is there needs less. */
export const ANSWER_WITHIN_MS = 60_000
