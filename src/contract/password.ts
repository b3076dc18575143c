/** Fewest characters of a password. */
export const MIN_PASSWORD_LENGTH = 10

/** Asks for another one, where it has fewer. */
export const PASSWORD_TOO_SHORT = `Choose a password of at least ${MIN_PASSWORD_LENGTH} characters.`

/** Says so beforehand, where one is chosen. */
export const PASSWORD_HINT = `At least ${MIN_PASSWORD_LENGTH} characters. Long beats complicated: a few words do well.`
