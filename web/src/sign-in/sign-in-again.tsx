import { api } from '../app/api.ts'
import { useGoOn, useInSight, usePerson } from '../app/session.ts'
import { Dialog } from '../parts/dialog.tsx'
import classes from './sign-in-again.module.css'
import { SignInForm } from './sign-in-form.tsx'

/** Asks for the person whose session has ended, in front of what they were at. */
export function SignInAgain() {
  const { email } = usePerson()
  const onSession = useGoOn()
  // They may have signed in in another tab meanwhile.
  useInSight(() => void api.getSession({}).then(onSession, () => {}))
  return (
    <Dialog title="Sign in again" covers>
      <p className={classes.lead}>
        Your session has ended. Sign in, and go on where you were: what you typed is still here. It
        is gone once somebody else signs in.
      </p>
      <div className={classes.form}>
        <SignInForm email={email} onSession={onSession} />
      </div>
    </Dialog>
  )
}
