import { useEffect } from 'react'

/**
 * Names the page in the browser's title for as long as the component is mounted.
 *
 * @param title undefined: the page below keeps its name
 */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    if (title === undefined) return
    const before = document.title
    document.title = `${title} · Countersign`
    return () => {
      document.title = before
    }
  }, [title])
}
