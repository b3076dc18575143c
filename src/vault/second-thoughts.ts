import { setTimeout as pause } from 'node:timers/promises'

/** Milliseconds between tries: a token made a moment ago may not be known everywhere yet. */
const SECOND_THOUGHTS_MS = [100, 300, 600]

/** What a Git host says about a token; what is `doubtful` is believed when it stands for a second. */
export async function onSecondThoughts<Answer>(
  ask: () => Promise<Answer>,
  doubtful: (answer: Answer) => boolean,
): Promise<Answer> {
  let answer = await ask()
  for (const wait of SECOND_THOUGHTS_MS) {
    if (!doubtful(answer)) break
    await pause(wait)
    answer = await ask()
  }
  return answer
}
