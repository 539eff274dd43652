/**
 * A starting agent whose predecessor is another pod and has not closed touches neither volume nor log until it closes,
 * or the grace period recorded in its `open` has passed on our own clock. For continuity only: safety rests on the log.
 */
import type { Context } from './context.ts'
import type { LogView } from './log-writer.ts'

/** The kubelet ends a container up to 2 s after its grace period. */
const MARGIN_MS = 3_000
/** A look at the head of the log while it waits, nothing else does it poll. */
const LOOK_MS = 1_000

/** Whom a start waits for, and since when on its own clock; kept while the start looks again and again. */
export interface Waiting {
  writer: string
  sinceMs: number
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
  while (mustWait(context, now)) {
    if (stopping.aborted) return undefined
    const { owner } = now.state
    if (owner === null) break
    if (owner.writer !== waiting.writer)
      Object.assign(waiting, { writer: owner.writer, sinceMs: clock.monotonicMs() })
    const leftMs = waiting.sinceMs + owner.graceSeconds * 1000 + MARGIN_MS - clock.monotonicMs()
    if (leftMs <= 0) break
    status.set({
      phase: 'waiting',
      reason: `waiting for pod ${owner.pod.name} to hand over ${context.writer.log.stream.app}: it has not closed, its grace period ends in ${Math.ceil(leftMs / 1000)} s`,
    })
    await clock.sleep(Math.min(LOOK_MS, leftMs), stopping)
    now = await writer.look()
  }
  return stopping.aborted ? undefined : now
}

function mustWait({ exclusive, writer }: Context, view: LogView): boolean {
  const { owner } = view.state
  return !exclusive && owner !== null && !owner.closed && owner.pod.uid !== writer.identity.pod.uid
}
