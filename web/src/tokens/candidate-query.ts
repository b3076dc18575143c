import { api } from '../app/api.ts'

/** A token that was handed in, while it is being checked. */
export function candidateQuery(id: string | undefined) {
  return {
    queryKey: ['candidate', id ?? ''],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      api.getCandidate({ params: { id: id ?? '' } }, { signal }),
    enabled: id !== undefined,
    staleTime: 0,
  }
}
