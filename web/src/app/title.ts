import { useEffect } from 'react'

/** Names the page in the browser's title for as long as the component is mounted. */
export function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title
    document.title = `${title} · Countersign`
    return () => {
      document.title = before
    }
  }, [title])
}
