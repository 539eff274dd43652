/** `holdfast.dev/backup=<tag>` on the live pod: the agent sees it in its downward API file, and needs no access to the API. */
import { BackOff } from '../shared/patience.ts'
import { tagProblem } from '../shared/pin.ts'
import { KEY } from '../shared/sidecar-contract.ts'
import type { Log } from './agent-log.ts'
import { readAnnotations, watchPodInfo } from './pod-info.ts'
import type { Replicator } from './session/replicator.ts'

/** A backup that failed (a hook, a volume that is not there) is tried again for as long as it is asked for. The first wait. */
const RETRY_MS = 10_000

/** A new value asks for a version with that tag. Returns what ends the watch. */
export function answerBackups(
  podInfoDir: string,
  replicator: Replicator,
  log: Log,
): () => Promise<void> {
  let seen: string | undefined
  const look = (backOff = new BackOff(RETRY_MS)) => {
    const tag = readAnnotations(podInfoDir)?.get(KEY.backup)
    if (tag === undefined || tag === seen) return
    seen = tag
    const problem = tagProblem(tag)
    if (problem !== undefined)
      return log.error({ tag }, `${KEY.backup}=${tag} is refused: ${problem}`)
    replicator.backup(tag).then(
      (n) => log.info({ tag, version: n }, `backup ${tag} is v${n}`),
      (error: Error) => {
        log.error({ tag }, `backup ${tag} failed, and is tried again: ${error.message}`)
        setTimeout(() => {
          if (seen !== tag) return
          seen = undefined
          look(backOff)
        }, backOff.nextMs()).unref()
      },
    )
  }
  look()
  return watchPodInfo(podInfoDir, () => {
    look()
  })
}
