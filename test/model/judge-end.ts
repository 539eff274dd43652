/** What must be true when a pod has ended, and when a history has. */
import type { Chronicle } from './chronicle.ts'
import type { Pod } from './pod.ts'
import { contentOf } from './pod.ts'
import { readVersion } from './read-object.ts'
import { sameContent, showContent } from './values.ts'

/** A pod that was told to stop has ended by itself. */
export function judgeEnd(chronicle: Chronicle, pod: Pod): void {
  const { status, task } = pod.agent
  if (chronicle.world.bucket.state !== 'up') return // it could not, and was not told to wait
  if (!pod.letGo || status.facts.problem !== '' || pod.agent.failure !== undefined) return
  const content = contentOf(pod.volumes)
  if (content.size === 0) return
  if (!chronicle.isKept(content))
    return chronicle.violate(
      'a graceful stop shipped not all',
      `${task.writer} ended with ${showContent(content)}`,
    )
  if (pod.disturbed || chronicle.isKept(content, ({ branch }) => !branch)) return
  // A branch's version that was restored, and not written to since, is the main line's state by its restore.
  if (sameContent(content, chronicle.contentOfVersion(chronicle.truth().head?.version ?? 0))) return
  chronicle.violate('the last flush of a graceful stop went to a branch', task.writer)
}

/** Everything that was ever made is still what it was. */
export function judgeStore(chronicle: Chronicle): void {
  for (const { n } of chronicle.versions()) {
    try {
      const content = readVersion((name) => chronicle.fetch(name), n)
      if (!sameContent(content, chronicle.contentOfVersion(n)))
        chronicle.violate('a version changed', `v${n} is now ${showContent(content)}`)
    } catch (error) {
      chronicle.violate('a version cannot be read', `v${n}: ${String(error)}`)
    }
  }
}
