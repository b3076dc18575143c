import { Button } from '@mantine/core'
import classes from './other-way.module.css'

/** From one way to authorize to the other. */
export function OtherWay({ onGo, children }: { onGo: () => void; children: string }) {
  return (
    <p className={classes.way}>
      <Button variant="subtle" size="compact-sm" className={classes.button ?? ''} onClick={onGo}>
        {children}
      </Button>
    </p>
  )
}
