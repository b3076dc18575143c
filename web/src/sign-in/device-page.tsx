import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../app/api.ts'
import { isProblem, sentenceFor } from '../app/problem.ts'
import { usePerson } from '../app/session.ts'
import { useSessionOver } from '../app/session-over.ts'
import { LinkButton } from '../parts/link-button.tsx'
import { Message } from '../parts/message.tsx'
import { SkeletonLine } from '../parts/skeleton-line.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Time } from '../parts/time.tsx'
import { DeviceCodeForm } from './device-code-form.tsx'
import classes from './device-page.module.css'
import { Doorway } from './doorway.tsx'
import { SignInAgain } from './sign-in-again.tsx'

const route = getRouteApi('/device')

/** Where a person lets a command line sign in as them, RFC 8628 §3.3. */
export function DevicePage() {
  const { user_code } = route.useSearch()
  const navigate = route.useNavigate()
  const type = () => navigate({ search: {}, replace: true })
  const over = useSessionOver()
  if (user_code === undefined) {
    return (
      <Doorway title="Sign in a command line" lead="Enter the code that it shows.">
        <DeviceCodeForm onCode={(code) => navigate({ search: { user_code: code } })} />
      </Doorway>
    )
  }
  return (
    <>
      <Decision key={user_code} user_code={user_code} onOther={type} />
      {over && <SignInAgain />}
    </>
  )
}

function Decision({ user_code, onOther }: { user_code: string; onOther: () => void }) {
  const [answered, setAnswered] = useState<'approved' | 'denied'>()
  const device = useQuery({
    queryKey: ['device-sign-in', user_code],
    queryFn: ({ signal }) => api.readDeviceSignIn({ body: { user_code } }, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  if (answered !== undefined) return <Answered approved={answered === 'approved'} />
  if (device.isError) {
    const unknown = isProblem(device.error, 'device-code-unknown')
    return (
      <Doorway title="Sign in a command line">
        <Message tone="bad" urgent>
          <p>{sentenceFor(device.error)}</p>
        </Message>
        {!unknown && <Button onClick={() => device.refetch()}>Try again</Button>}
        <Button variant="default" onClick={onOther}>
          Enter another code
        </Button>
      </Doorway>
    )
  }
  if (!device.data) {
    return (
      <Doorway title="Sign in a command line">
        <SkeletonLine lines={4} />
      </Doorway>
    )
  }
  return <Question device={device.data} onAnswer={setAnswered} onOther={onOther} />
}

type Device = Awaited<ReturnType<typeof api.readDeviceSignIn>>

function Question({
  device,
  onAnswer,
  onOther,
}: {
  device: Device
  onAnswer: (answer: 'approved' | 'denied') => void
  onOther: () => void
}) {
  const person = usePerson()
  const { user_code, device_name, ip, created_at } = device
  const answer = useMutation({
    mutationFn: (approved: boolean) => api.answerDeviceSignIn({ body: { user_code, approved } }),
    onSuccess: (_, approved) => onAnswer(approved ? 'approved' : 'denied'),
  })
  const over = answer.isError && isProblem(answer.error, 'device-code-unknown')
  return (
    <Doorway title="Sign in a command line?">
      <p>
        A command line on <strong>{device_name}</strong>
        {ip !== null && (
          <>
            {' '}
            at <code>{ip}</code>
          </>
        )}{' '}
        asked <Time at={created_at} /> to sign in as you:{' '}
        <strong className={classes.email}>{person.email}</strong>
      </p>
      <p className={classes.code}>{user_code}</p>
      <Message tone="warn">
        <p>
          Approve only if a terminal of yours shows this code now. Did somebody send it to you? Then
          deny: they would act as you.
        </p>
      </Message>
      {answer.isError && (
        <Message tone="bad" urgent>
          <p>{sentenceFor(answer.error)}</p>
        </Message>
      )}
      {over ? (
        <Button variant="default" onClick={onOther}>
          Enter another code
        </Button>
      ) : (
        <div className={classes.answers}>
          <SubmitButton
            type="button"
            pending={answer.isPending && answer.variables}
            onClick={() => {
              if (!answer.isPending) answer.mutate(true)
            }}
          >
            Approve
          </SubmitButton>
          <Button
            variant="default"
            onClick={() => {
              if (!answer.isPending) answer.mutate(false)
            }}
          >
            Deny
          </Button>
        </div>
      )}
    </Doorway>
  )
}

function Answered({ approved }: { approved: boolean }) {
  return (
    <Doorway
      title={approved ? 'Approved' : 'Denied'}
      lead={
        approved
          ? 'The command line is signed in as you. Go on there; you can close this page.'
          : 'Nobody was signed in. You can close this page.'
      }
    >
      <LinkButton to="/tokens" variant="default">
        Go to your tokens
      </LinkButton>
    </Doorway>
  )
}
