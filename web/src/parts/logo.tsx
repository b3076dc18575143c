import { useId } from 'react'
import classes from './logo.module.css'

const given = 'M23.8 6.2 11.7 24.7 4.5 18.2'
const givenBack = 'M8.2 6.2 20.3 24.7 27.5 18.2'

/** Two check marks, one given and one given back, that cross. */
export function LogoMark({ size = 26 }: { size?: number }) {
  const gap = useId()
  return (
    <svg className={classes.mark} width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <mask id={gap} maskUnits="userSpaceOnUse" x="0" y="0" width="32" height="32">
        <rect width="32" height="32" fill="white" />
        <path d="M8.2 6.2 20.3 24.7" stroke="black" strokeWidth="6.2" />
      </mask>
      <path className={classes.back} d={given} mask={`url(#${gap})`} />
      <path className={classes.front} d={givenBack} />
    </svg>
  )
}

export function Logo() {
  return (
    <span className={classes.logo}>
      <LogoMark />
      <span>Countersign</span>
    </span>
  )
}
