import { CloseButton, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useEffect, useState } from 'react'

const TYPING_MS = 250

/** A search that goes into the page's address once the person stops typing. */
export function SearchField({
  label,
  q,
  onSearch,
}: {
  label: string
  q: string
  onSearch: (q: string) => void
}) {
  const [typed, setTyped] = useState(q)
  const [known, setKnown] = useState(q)
  const [asked, setAsked] = useState(q)
  if (known !== q) {
    setKnown(q)
    // What was asked for here comes late, and more may be typed by then. Else it was Back, or a link.
    if (q !== asked) {
      setAsked(q)
      setTyped(q)
    }
  }
  useEffect(() => {
    const words = typed.trim()
    if (words === q) return
    const timer = setTimeout(() => {
      setAsked(words)
      onSearch(words)
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed, q, onSearch])
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      w={{ base: '100%', sm: 264 }}
      maxLength={80}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        typed && <CloseButton size={24} aria-label="Clear search" onClick={() => setTyped('')} />
      }
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  )
}
