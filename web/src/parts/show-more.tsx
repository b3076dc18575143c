import type { PagedList } from '../app/paging.ts'
import { sentenceFor } from '../app/problem.ts'
import { Message } from './message.tsx'
import classes from './show-more.module.css'
import { SubmitButton } from './submit-button.tsx'

/** The way to the next page of a list, where there is one. */
export function ShowMore<Item>({ list }: { list: PagedList<Item> }) {
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
          if (!list.loadingMore) list.showMore?.()
        }}
      >
        {list.moreError ? 'Try again' : 'Show more'}
      </SubmitButton>
    </div>
  )
}
