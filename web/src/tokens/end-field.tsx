import { TextInput } from '@mantine/core'
import type { Ref } from 'react'
import classes from './end-field.module.css'

/** On which day a token ends, for Git hosts that do not say. */
export function EndField({
  ref,
  day,
  fault,
  onChange,
}: {
  ref: Ref<HTMLInputElement>
  /** As `2027-10-12`; empty: none, or not yet a whole one. */
  day: string
  fault: string | undefined
  onChange: (day: string) => void
}) {
  return (
    <TextInput
      ref={ref}
      type="date"
      label="Ends on (optional)"
      description="If the Git host does not say when a token ends, you are warned before this day."
      className={classes.date ?? ''}
      max="9999-12-31"
      value={day}
      error={fault}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

/** What is wrong with the day in the field. Of one that is not whole, a field tells no value. */
export function endFault(field: HTMLInputElement | null): string | undefined {
  if (field?.validity.badInput || field?.validity.rangeOverflow) {
    return 'Fill in day, month and year of a day that there is, or leave all of it empty.'
  }
  if (!field?.value || endOf(field.value) > new Date()) return undefined
  return 'This day is over. Choose the last day of the token, or leave it empty.'
}

/** The last moment of a day, where the person is. */
export function endOf(day: string): Date {
  return new Date(`${day}T23:59:59`)
}
