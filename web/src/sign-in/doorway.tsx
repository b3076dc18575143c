import type { ReactNode } from 'react'
import { useTitle } from '../app/title.ts'
import { Logo } from '../parts/logo.tsx'
import classes from './doorway.module.css'

/** The frame of the pages in front of the sign-in. */
export function Doorway({
  title,
  lead,
  children,
}: {
  title: string
  lead?: string | undefined
  children?: ReactNode
}) {
  useTitle(title)
  return (
    <main className={classes.page}>
      <div className={classes.logo}>
        <Logo />
      </div>
      <div className={classes.card}>
        <h1 className={classes.title}>{title}</h1>
        {lead && <p className={classes.lead}>{lead}</p>}
        <div className={classes.content}>{children}</div>
      </div>
    </main>
  )
}
