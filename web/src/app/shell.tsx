import { Outlet, useRouterState } from '@tanstack/react-router'
import { type ReactNode, Suspense, useEffect, useRef } from 'react'
import { Message } from '../parts/message.tsx'
import { ProgressLine } from '../parts/progress-line.tsx'
import { useEvents } from './events.ts'
import { lazyPart } from './missing-part.ts'
import { Navigation } from './navigation.tsx'
import { PersonMenu } from './person-menu.tsx'
import { useFollowSession } from './session.ts'
import { useSessionOver } from './session-over.ts'
import classes from './shell.module.css'

const SignInAgain = lazyPart(() => import('../sign-in/sign-in-again.tsx'), 'SignInAgain')

/** Every page behind the sign-in, in its frame. */
export function Shell() {
  return (
    <Frame>
      <Outlet />
    </Frame>
  )
}

/** What is around a page for whoever is signed in. */
export function Frame({ children }: { children: ReactNode }) {
  const hearing = useEvents()
  useFollowSession(hearing !== 'live')
  const over = useSessionOver()
  const main = useFocusOnNewPage()
  const leaving = useRouterState({ select: ({ status }) => status === 'pending' })
  return (
    <>
      {leaving && <ProgressLine />}
      <a className={classes.skip} href="#main">
        Skip to content
      </a>
      <header className={classes.header}>
        <div className={classes.bar}>
          <Navigation />
          <PersonMenu />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className={classes.main}>
        <div role="status" className={classes.lost}>
          {hearing === 'lost' && (
            <Message tone="warn" title="The connection to Countersign was lost.">
              <p>
                What you see may be out of date. It is renewed by itself as soon as the connection
                is back.
              </p>
            </Message>
          )}
          {hearing === 'silent' && (
            <Message tone="warn" title="Changes show up late.">
              <p>
                Nothing comes from Countersign when something changes; a proxy may hold it back.
                This page looks for itself every half minute.
              </p>
            </Message>
          )}
        </div>
        {children}
      </main>
      {over && (
        <Suspense fallback={<ProgressLine />}>
          <SignInAgain />
        </Suspense>
      )}
    </>
  )
}

/** Moves the focus to the content when another page opens; panels look after their own. */
function useFocusOnNewPage() {
  const main = useRef<HTMLElement>(null)
  const page = useRouterState({
    select: ({ location }) =>
      location.pathname.replace(
        /^(\/tokens|\/admin\/(?:git-authentication|providers))\/.*|\/(new|edit|invite|(?:git|token)\/.*)$/,
        '$1',
      ),
  })
  const shown = useRef(page)
  useEffect(() => {
    if (shown.current === page) return
    shown.current = page
    main.current?.focus({ preventScroll: true })
  }, [page])
  return main
}
