/** What an agent may do to its volumes, and what it may say, between two waits. */
import { HoldfastError } from '../../shared/errors.ts'
import type { Chronicle } from './chronicle.ts'
import type { Pod } from './pod.ts'
import { contentOf, rememberState } from './pod.ts'
import { onRoot, readContent, sameContent, showContent } from './values.ts'

/** An agent waits for the scheduler again. */
export function judgeRun(chronicle: Chronicle, pod: Pod): void {
  judgeChanges(chronicle, pod)
  const { agent } = pod
  // Told to stop, and refused by the store: it ends and says so.
  const refused = agent.stopped && agent.failure instanceof HoldfastError
  if (agent.failure !== undefined && !refused)
    chronicle.violate('an agent ended with an error', String((agent.failure as Error).stack))
  if (!pod.appRuns || agent.ended || !agent.task.reliableHints) return
  const { phase, unshippedSinceMs } = agent.status.facts
  if (phase !== 'running' || unshippedSinceMs !== undefined) return
  const content = contentOf(pod.volumes)
  if (content.size > 0 && !chronicle.isKept(content))
    chronicle.violate(
      'said to be shipped, and in no version',
      `${agent.task.writer} has ${showContent(content)}`,
    )
}

/** The agent may have changed its pod's volumes: what it took away must be in some version. */
function judgeChanges(chronicle: Chronicle, pod: Pod): void {
  let touched = false
  for (const volume of pod.volumes) {
    const now = readContent(volume.dir, volume.root)
    if (sameContent(now, volume.content)) continue
    touched = true
    if (pod.appRuns)
      chronicle.violate(
        'bytes changed under a running app',
        `${pod.name}: ${showContent(volume.content)} became ${showContent(now)}`,
      )
    for (const [name, value] of volume.content)
      if (now.get(name) !== value && !chronicle.kept.has(`${name}=${value}`))
        chronicle.violate('a restore destroyed what no version holds', `${name}=${value}`)
    chronicle.note(`    ${volume.name} is now ${showContent(now)}`)
    volume.content = now
    const target = chronicle.targetOf(pod)
    volume.half = !sameContent(now, onRoot(chronicle.contentOfVersion(target.version), volume.root))
    if (!volume.half) volume.tip = target.n
  }
  if (touched) rememberState(pod)
}
