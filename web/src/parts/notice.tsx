import type { ReactNode } from 'react'
import { useTitle } from '../app/title.ts'
import { LogoMark } from './logo.tsx'
import classes from './notice.module.css'

/** A page that is one message and one way on. */
export function Notice({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <div className={classes.notice}>
      <LogoMark size={40} />
      <h1 className={classes.title}>{title}</h1>
      {children}
    </div>
  )
}
