/** Who asks: the pod whose projected token it is, as the API server says. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import { Bounded } from './bounded.ts'
import type { PodRef } from './pod-facts.ts'

/** Undefined: the token is not valid, not for our audience, or not of a pod. Throws what the API server throws. */
export type TokenReviewer = (token: string) => Promise<PodRef | undefined>

/** A pod's end makes its token invalid; so long may it go on being believed, by its namespace's own pods only. */
const BELIEVED_MS = 120_000
/** Twenty thousand pods' tokens are some megabytes. */
const MOST = 20_000

interface Known {
  readonly pod: PodRef
  readonly untilMs: number
}

/** Remembers by hashes, never tokens. Those that ask with one token at the same moment share one question. */
export function rememberCallers(review: TokenReviewer, clock: Clock): TokenReviewer {
  const known = new Bounded<string, Known>(MOST)
  const asked = new Map<string, Promise<PodRef | undefined>>()
  const ask = async (hash: string, token: string): Promise<PodRef | undefined> => {
    const untilMs = clock.monotonicMs() + BELIEVED_MS
    const pod = await review(token)
    if (pod !== undefined) known.set(hash, { pod, untilMs })
    return pod
  }
  return (token) => {
    const hash = createHash('sha256').update(token).digest('base64')
    const found = known.get(hash)
    if (found !== undefined && found.untilMs > clock.monotonicMs())
      return Promise.resolve(found.pod)
    const pending = asked.get(hash)
    if (pending !== undefined) return pending
    const answer = ask(hash, token).finally(() => asked.delete(hash))
    asked.set(hash, answer)
    return answer
  }
}
