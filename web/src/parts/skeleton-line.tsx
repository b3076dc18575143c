import classes from './skeleton-line.module.css'

/** Where text will be. Stays invisible for a moment: most answers are quicker. */
export function SkeletonLine({ lines = 1 }: { lines?: number }) {
  return (
    <span className={classes.lines} aria-hidden>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <span key={line} className={classes.line} />
      ))}
    </span>
  )
}
