import { Button, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes } from 'react'

type LinkButtonProps = ButtonProps &
  Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps> & {
    ref?: React.Ref<HTMLAnchorElement>
  }

/** Looks like a button and goes somewhere. */
export const LinkButton = createLink((props: LinkButtonProps) => (
  <Button component="a" {...props} />
))
