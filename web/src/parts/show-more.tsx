import { useEffect, useRef, useState } from 'react'
import type { PagedList } from '../app/paging.ts'
import { sentenceFor } from '../app/problem.ts'
import { Message } from './message.tsx'
import classes from './show-more.module.css'
import { SubmitButton } from './submit-button.tsx'

/** The way to the next page of a list, where there is one. After the last one it says so. */
export function ShowMore<Item>({ list }: { list: PagedList<Item> }) {
  const [pressed, setPressed] = useState(false)
  const end = useRef<HTMLParagraphElement>(null)
  const ended = pressed && !list.showMore
  useEffect(() => {
    // The button that had the focus is gone. Who is somewhere else by now stays there.
    if (ended && document.activeElement === document.body) {
      end.current?.focus({ preventScroll: true })
    }
  }, [ended])
  if (ended) {
    return (
      <p ref={end} className={classes.end} tabIndex={-1}>
        All are shown.
      </p>
    )
  }
  if (!list.showMore) return null
  return (
    <div className={classes.more}>
      {list.moreError && (
        <Message tone="bad" urgent title="More could not be read.">
          <p>What is shown stays as it is. {sentenceFor(list.moreError)}</p>
        </Message>
      )}
      <SubmitButton
        type="button"
        variant="default"
        pending={list.loadingMore}
        onClick={() => {
          if (list.loadingMore) return
          setPressed(true)
          list.showMore?.()
        }}
      >
        {list.moreError ? 'Try again' : 'Show more'}
      </SubmitButton>
    </div>
  )
}
