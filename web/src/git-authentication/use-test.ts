import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { notify } from '../parts/notify.tsx'

const SLOW_MS = 15_000

type Test = NonNullable<OAuthClient['test']>

const tones: Record<Test['outcome'], 'good' | 'warn' | 'bad'> = {
  passed: 'good',
  not_proved: 'warn',
  failed: 'bad',
}

/** Has an app tested, and tells how it went once the answer is here. */
export function useTest(client: OAuthClient) {
  const { id, test, provider } = client
  const stamp = test?.at ?? ''
  /** The answer that was known when the test was asked for. */
  const [asked, setAsked] = useState<string>()
  const request = useMutation({
    mutationFn: () => api.testClient({ params: { id } }),
    onError: (error) => {
      setAsked(undefined)
      notify('bad', 'Not tested', sentenceFor(error))
    },
  })
  const testing = asked === stamp
  useEffect(() => {
    if (asked === undefined) return
    if (testing) {
      const timer = setTimeout(() => {
        setAsked(undefined)
        notify(
          'warn',
          'Not tested yet',
          `It takes longer than usual. The test of the app at ${provider.name} goes on, and the result shows here.`,
        )
      }, SLOW_MS)
      return () => clearTimeout(timer)
    }
    setAsked(undefined)
    if (test) notify(tones[test.outcome], `App at ${provider.name}: tested`, test.detail)
    return
  }, [asked, testing, test, provider])
  return {
    testing,
    start: () => {
      if (testing) return
      setAsked(stamp)
      request.mutate()
    },
  }
}
