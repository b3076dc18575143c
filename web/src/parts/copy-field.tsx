import { Button, Textarea, TextInput } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useRef, useState } from 'react'
import classes from './copy-field.module.css'

const LONG = 72

/** A text to take away as it is. */
export function CopyField({
  label,
  text,
  description,
}: {
  label: string
  text: string
  description?: string
}) {
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null)
  const Field = text.length > LONG ? Textarea : TextInput
  const [state, setState] = useState<'idle' | 'copied' | 'by-hand'>('idle')

  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setState('copied')
    } catch {
      // No clipboard outside HTTPS and localhost: the person's own keys always work.
      input.current?.select()
      setState('by-hand')
    }
  }

  return (
    <div className={classes.field}>
      <Field
        ref={input}
        className={classes.input ?? ''}
        classNames={{ input: classes.text ?? '' }}
        label={label}
        description={description}
        value={text}
        readOnly
        {...(Field === Textarea && { rows: 2 })}
        spellCheck={false}
        onFocus={(event) => event.currentTarget.select()}
      />
      <Button
        variant="default"
        leftSection={
          state === 'copied' ? (
            <IconCheck size={16} aria-hidden />
          ) : (
            <IconCopy size={16} aria-hidden />
          )
        }
        aria-label={`Copy ${label.toLowerCase()}`}
        onClick={copy}
      >
        Copy
      </Button>
      <p className={classes.said} role="status">
        {state === 'copied' && 'Copied.'}
        {state === 'by-hand' && 'Selected. Press Ctrl+C (on a Mac, Command+C) to copy it.'}
      </p>
    </div>
  )
}
