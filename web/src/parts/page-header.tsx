import type { ReactNode } from 'react'
import { useTitle } from '../app/title.ts'
import classes from './page-header.module.css'

/** Heading of a page, what it is for in a sentence, and its first action. */
export function PageHeader({
  title,
  lead,
  children,
}: {
  title: string
  lead?: ReactNode
  children?: ReactNode
}) {
  useTitle(title)
  return (
    <header className={classes.header}>
      <div className={classes.words}>
        <h1 className={classes.title}>{title}</h1>
        {lead && <p className={classes.lead}>{lead}</p>}
      </div>
      {children && <div className={classes.tools}>{children}</div>}
    </header>
  )
}
