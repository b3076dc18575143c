import { Drawer } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useRouter } from '@tanstack/react-router'
import { type ReactNode, useEffect, useState } from 'react'
import { useSessionOver } from '../app/session-over.ts'
import { useTitle } from '../app/title.ts'
import classes from './panel.module.css'
import { useReturnFocus } from './return-focus.ts'

/** A panel that is open because of the page's address: Back closes it. */
export interface OpenPanel {
  opened: boolean
  close: () => void
  /** Leaves the panel's address once it has moved out of sight. */
  leave: () => void
}

/** @param parent the address below the panel, for a person who came straight to it */
export function usePanel(parent: string): OpenPanel {
  const router = useRouter()
  const [opened, setOpened] = useState(false)
  useEffect(() => setOpened(true), [])
  return {
    opened,
    close: () => setOpened(false),
    leave: () => {
      if (router.history.canGoBack()) router.history.back()
      else router.history.replace(parent)
    },
  }
}

/** On a desktop a drawer, on a phone a sheet. */
export function Panel({
  panel,
  title,
  startAtTitle = false,
  focusAfter,
  children,
}: {
  panel: OpenPanel
  title: string
  /** For a panel that is read before it is filled in. */
  startAtTitle?: boolean
  /** Id of the element that gets the focus afterwards, when nothing had it before. */
  focusAfter?: string
  children: ReactNode
}) {
  const narrow = useMediaQuery('(max-width: 48em)', undefined, { getInitialValueInEffect: false })
  useTitle(panel.opened ? title : undefined)
  useReturnFocus(focusAfter)
  const over = useSessionOver()
  const [typed, setTyped] = useState(false)
  return (
    <Drawer.Root
      opened={panel.opened}
      onClose={panel.close}
      closeOnEscape={!over}
      // A click beside it must not lose what was typed.
      closeOnClickOutside={!typed}
      onExitTransitionEnd={panel.leave}
      size={narrow ? '100%' : 540}
      position="right"
      padding={0}
      classNames={{ content: classes.content ?? '' }}
    >
      <Drawer.Overlay backgroundOpacity={0.4} />
      <Drawer.Content onInput={() => setTyped(true)}>
        <div className={classes.header}>
          <Drawer.Title
            className={classes.title ?? ''}
            {...(startAtTitle && { tabIndex: -1, 'data-autofocus': true })}
          >
            {title}
          </Drawer.Title>
          <Drawer.CloseButton aria-label="Close" />
        </div>
        <Drawer.Body className={classes.body ?? ''}>{children}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  )
}

/** Moves the focus to the title of the open panel: what had it made way for something else. */
export function focusPanelTitle(): void {
  document.querySelector<HTMLElement>('h2[data-autofocus]')?.focus()
}

/** What a panel asks, above its footer. */
export function PanelContent({ children }: { children: ReactNode }) {
  return <div className={classes.inside}>{children}</div>
}

/** The buttons of a panel, always in sight. */
export function PanelFooter({ note, children }: { note?: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.footer}>
      {note && <div className={classes.note}>{note}</div>}
      <div className={classes.buttons}>{children}</div>
    </div>
  )
}
