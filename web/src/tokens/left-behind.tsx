import { useQuery } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react'
import type { AccessDetail } from '../../../src/contract/connections.ts'
import { problemSentence } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'
import { useAuthorizationRequest } from './authorization-request.ts'
import { candidateQuery } from './candidate-query.ts'
import { useTokenOwner } from './token-owner.ts'

/** By its id, what is under way. */
type UnderWay = { candidate: string } | { request: string }

/** Something whose panel was closed before the Git host had answered. */
type LeftBehind = UnderWay & { runtime: string; provider: string }

const LeaveBehind = createContext<(left: LeftBehind) => void>(() => {})

/** Takes over what nobody is looking at any more, when a panel among `children` goes away. */
export function TakeOver({ children }: { children: ReactNode }) {
  const [leftBehind, setLeftBehind] = useState<LeftBehind[]>([])
  return (
    <>
      <LeaveBehind value={(left) => setLeftBehind((old) => [...old, left])}>{children}</LeaveBehind>
      {leftBehind.map((left) => (
        <LeftBehindWatch key={keyOfLeftBehind(left)} left={left} />
      ))}
    </>
  )
}

/** Leaves what is under way behind if the panel goes away before it is over. */
export function useLeaveBehind(access: AccessDetail, underWay: UnderWay | undefined): void {
  const leave = useContext(LeaveBehind)
  const last = useRef(() => {})
  useEffect(() => {
    last.current = () => {
      if (!underWay) return
      leave({ ...underWay, runtime: access.runtime.name, provider: access.provider.name })
    }
  })
  useEffect(() => () => last.current(), [])
}

function keyOfLeftBehind(left: LeftBehind): string {
  return 'candidate' in left ? left.candidate : left.request
}

/** Waits for the outcome in the panel's place, and tells it. */
function LeftBehindWatch({ left }: { left: LeftBehind }) {
  return 'candidate' in left ? (
    <CandidateWatch {...left} id={left.candidate} />
  ) : (
    <RequestWatch {...left} id={left.request} />
  )
}

interface WatchProps {
  id: string
  runtime: string
  provider: string
}

function CandidateWatch({ id, runtime, provider }: WatchProps) {
  const { data } = useQuery(candidateQuery(id))
  const status = data?.status
  const detail = data?.problem ? problemSentence(data.problem) : ''
  useEffect(() => {
    if (status === 'accepted') {
      notify('good', 'Token added', `${runtime} now uses it at ${provider}.`)
    } else if (status === 'refused' || status === 'not_checked') {
      const title = `The token for ${runtime} was not taken`
      notify('bad', title, `${detail} Nothing was changed.`, { stays: true })
    }
  }, [status, detail, runtime, provider])
  return null
}

function RequestWatch({ id, runtime, provider }: WatchProps) {
  const { as } = useTokenOwner()
  const { data } = useAuthorizationRequest(id)
  const status = data?.status
  const detail = data?.problem ? problemSentence(data.problem) : ''
  useEffect(() => {
    if (status === 'completed') {
      notify('good', 'Authorized', `${runtime} now acts at ${provider} ${as}.`)
    } else if (status === 'refused' || status === 'account_changed') {
      const title = `${runtime} was not authorized`
      const why = detail || `You authorized as another account than before.`
      notify('bad', title, `${why} Begin again from the list.`, { stays: true })
    }
  }, [status, detail, runtime, provider, as])
  return null
}
