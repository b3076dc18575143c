import { type ClipboardEvent, type ReactNode, useEffect, useRef } from 'react'
import { tidyToken } from '../../../src/contract/token-format.ts'
import { SecretField } from '../parts/secret-field.tsx'
import classes from './token-field.module.css'

/** Where the token goes. */
export function TokenField({
  token,
  notes,
  fault,
  busy,
  onChange,
}: {
  token: string
  /** What was tidied in the paste. */
  notes: string[]
  fault: ReactNode
  /** It is being checked: what is checked must be what stands there. */
  busy: boolean
  onChange: (token: string, notes: string[]) => void
}) {
  const input = useRef<HTMLInputElement>(null)
  const faulty = fault !== undefined
  useEffect(() => {
    if (faulty) input.current?.focus()
  }, [faulty])

  /**
   * A text field drops line breaks unsaid, so the paste is tidied before it gets there, and a line
   * break inside shows as a space: two lines are not made one token.
   */
  function paste(event: ClipboardEvent<HTMLInputElement>) {
    const { selectionStart, selectionEnd, value } = event.currentTarget
    const all = selectionStart === 0 && selectionEnd === value.length
    const tidy = tidyToken(event.clipboardData.getData('text'))
    if (!all || tidy.token === '') return
    event.preventDefault()
    onChange(tidy.token.replaceAll(/\s*[\r\n]+\s*/g, ' '), tidy.notes)
  }

  return (
    <div>
      <SecretField
        ref={input}
        label="Token"
        value={token}
        error={fault}
        errorProps={{ component: 'div', role: 'alert' }}
        readOnly={busy}
        onPaste={paste}
        onChange={(event) => onChange(event.currentTarget.value, [])}
      />
      <p role="status" className={classes.notes}>
        {notes.join(' ')}
      </p>
    </div>
  )
}
