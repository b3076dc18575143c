import { notifications } from '@mantine/notifications'
import { IconAlertTriangle, IconCheck, IconX, type TablerIcon } from '@tabler/icons-react'
import classes from './notify.module.css'

type Tone = 'good' | 'warn' | 'bad'

const icons: Record<Tone, TablerIcon> = {
  good: IconCheck,
  warn: IconAlertTriangle,
  bad: IconX,
}

/**
 * Tells what just happened, for a few seconds. What must not be missed stays until dismissed.
 *
 * @param options.about what it is about: it is not told twice at the same time
 */
export function notify(
  tone: Tone,
  title: string,
  message: string,
  options: { stays?: boolean; about?: string } = {},
): void {
  const Icon = icons[tone]
  notifications.show({
    title,
    message,
    icon: <Icon size={17} stroke={2.2} aria-hidden />,
    ...(options.stays && { autoClose: false }),
    ...(options.about && { id: options.about }),
    classNames: {
      root: classes.root ?? '',
      icon: classes[tone] ?? '',
      title: classes.title ?? '',
      description: classes.message ?? '',
    },
    closeButtonProps: { 'aria-label': 'Dismiss' },
  })
}
