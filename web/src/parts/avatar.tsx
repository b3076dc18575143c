import { useState } from 'react'
import classes from './avatar.module.css'

/** A face, or the first letters of a name where there is none. The name stands beside it. */
export function Avatar({
  name,
  url,
  size = 28,
}: {
  name: string
  url?: string | null
  size?: number
}) {
  const [failed, setFailed] = useState<string>()
  const style = { width: size, height: size, fontSize: Math.round(size * 0.4) }
  if (url && url !== failed) {
    return (
      <img
        className={classes.avatar}
        style={style}
        src={url}
        alt=""
        loading="lazy"
        onError={() => setFailed(url)}
      />
    )
  }
  return (
    <span className={classes.avatar} style={style} data-initials={initials(name)} aria-hidden />
  )
}

function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word !== '')
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined]
  return letters
    .map((word) => Array.from(word ?? '')[0] ?? '')
    .join('')
    .toUpperCase()
}
