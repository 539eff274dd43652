/**
 * A starting agent whose predecessor is another pod and has not closed touches neither volume nor log until it closes,
 * or its pod was seen to be gone, or the grace period recorded in its `open` has passed on our own clock. For continuity
 * only: safety rests on the log.
 */
import type { LogState } from '../../shared/repository/log-record.ts'
import type { Context } from './context.ts'
import type { LogView } from './log-writer.ts'

/** The kubelet ends a container up to 2 s after its grace period. */
const MARGIN_MS = 3_000
/** A look at the head of the log, and a question about the pod, while it waits; nothing else does it poll. */
export const LOOK_MS = 1_000

/** Whom a start waits for, and since when on its own clock; kept while the start looks again and again. */
export interface Waiting {
  writer: string
  sinceMs: number
}

type Owner = NonNullable<LogState['owner']>

/** How long a pod that is told to end may still write, in milliseconds. */
export function endsWithinMs({ graceSeconds }: Pick<Owner, 'graceSeconds'>): number {
  return graceSeconds * 1000 + MARGIN_MS
}

/** Returns the log as it stands when the start may go on; undefined when the pod was told to stop meanwhile. */
export async function awaitPredecessor(
  context: Context,
  view: LogView,
  waiting: Waiting,
): Promise<LogView | undefined> {
  const { patience, status, writer, stopping } = context
  const { clock } = patience
  let now = view
  while (!stopping.aborted) {
    const owner = predecessorOf(context, now)
    if (owner === undefined) return now
    if (owner.writer !== waiting.writer)
      Object.assign(waiting, { writer: owner.writer, sinceMs: clock.monotonicMs() })
    const state = await context.podState(owner.pod)
    if (state === 'gone') return writer.look() // with what it wrote last
    const leftMs = waiting.sinceMs + endsWithinMs(owner) - clock.monotonicMs()
    if (leftMs <= 0) return now
    status.set({
      phase: 'waiting',
      reason: `waiting for pod ${owner.pod.name}${state === undefined ? '' : ` (${state})`} to hand over ${context.writer.log.stream.app}: it has not closed, its grace period ends in ${Math.ceil(leftMs / 1000)} s`,
    })
    await clock.sleep(Math.min(LOOK_MS, leftMs), stopping)
    now = await writer.look()
  }
  return undefined
}

/** Undefined: there is nobody to wait for. */
function predecessorOf({ exclusive, writer }: Context, { state }: LogView): Owner | undefined {
  const { owner } = state
  if (exclusive || owner === null || owner.closed) return undefined
  return owner.pod.uid === writer.identity.pod.uid ? undefined : owner
}
