import classes from './progress-line.module.css'

/** On top of the page while something else is loaded that was asked for; what is quick needs none. */
export function ProgressLine() {
  return <div className={classes.line} role="progressbar" aria-label="Loading" />
}
