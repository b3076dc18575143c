import { Button, VisuallyHidden } from '@mantine/core'
import { IconExternalLink } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import classes from './outside-link.module.css'

/** A link to another site, in a new tab. */
export function OutsideLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a className={classes.link} href={href} target="_blank" rel="noopener noreferrer">
      {children}
      <span className={classes.icon}>
        {'\u2060'}
        <IconExternalLink size="0.95em" aria-hidden />
      </span>
      <VisuallyHidden> (opens in a new tab)</VisuallyHidden>
    </a>
  )
}

/** The same, for the next step to take. */
export function OutsideButton({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Button
      component="a"
      variant="default"
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      rightSection={<IconExternalLink size={16} aria-hidden />}
    >
      {children}
      <VisuallyHidden> (opens in a new tab)</VisuallyHidden>
    </Button>
  )
}
