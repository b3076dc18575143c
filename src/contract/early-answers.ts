/**
 * Answers that come with a page: at its top, the addresses of what it will ask for first, and at its
 * end, which may come later, what the API answers there. The server reads them while the browser
 * starts the page.
 */

/** Name of the `meta` element with a JSON list of addresses, as `addressOf` makes them. */
export const EARLY_ADDRESSES = 'early-addresses'

/** Id of the element with a JSON object: an answer for each address, or nothing for some. */
export const EARLY_ANSWERS = 'early-answers'
