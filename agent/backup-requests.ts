/** `holdfast.dev/backup=<tag>` on the live pod: the agent sees it in its downward API file, and needs no access to the API. */
import { BackOff } from '../shared/patience.ts'
import { tagProblem } from '../shared/pin.ts'
import { KEY } from '../shared/sidecar-contract.ts'
import type { Log } from './agent-log.ts'
import { readAnnotations, watchPodInfo } from './pod-info.ts'
import type { BackupAnswer } from './service/report.ts'
import type { Replicator } from './session/replicator.ts'

/** A backup that failed (a hook, a volume that is not there) is tried again for as long as it is asked for. The first wait. */
const RETRY_MS = 10_000

/** A new value asks for a version with that tag; each answer is told. Returns what ends the watch. */
export function answerBackups(
  podInfoDir: string,
  replicator: Replicator,
  log: Log,
  tell: (answer: BackupAnswer) => void,
): () => Promise<void> {
  let seen: string | undefined
  const look = (backOff = new BackOff(RETRY_MS)) => {
    const tag = readAnnotations(podInfoDir)?.get(KEY.backup)
    if (tag === undefined || tag === seen) return
    seen = tag
    const problem = tagProblem(tag)
    if (problem !== undefined) {
      tell({ request: tag, version: null, problem })
      return log.error({ tag }, `${KEY.backup}=${tag} is refused: ${problem}`)
    }
    replicator.backup(tag).then(
      (version) => {
        tell({ request: tag, version, problem: null })
        return log.info({ tag, version }, `backup ${tag} is v${version}`)
      },
      (error: Error) => {
        tell({ request: tag, version: null, problem: error.message })
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
