/**
 * The life of a sidecar's agent:
 *
 *   start (or: the app runs already, or S3 is down and the marks prove the volume right) → the app is let go
 *         → join, if the start could not open → replicate → last flush → closed
 */
import { HoldfastError } from '../../shared/errors.ts'
import { UnreachableError } from '../../shared/object-store/object-store.ts'
import { BackOff, HELD_WAIT_MS, untilReachable } from '../../shared/patience.ts'
import type { Hints } from '../capture/directory-watcher.ts'
import { leaveProof, logProves, markProves, mayStartOffline } from './app-has-run.ts'
import { closeLine } from './close-line.ts'
import type { Committer, TakeCapture } from './committer.ts'
import type { Context } from './context.ts'
import { join } from './join.ts'
import { Replicator } from './replicator.ts'
import { start } from './start.ts'

export interface SessionOptions {
  readonly withinMs: number
  readonly watch: () => Hints
  readonly take: TakeCapture
  readonly rescanMs?: number
  readonly atRest?: () => void
  /** Given the replicator as soon as there is one: for `drain`, `backup` and `stop`. */
  readonly onReplicating: (replicator: Replicator) => void
  /** Before the app may start: whatever a restarted agent of this pod has to know of it. */
  readonly onLettingGo?: () => void
}

/** The first wait of those that grow. */
const RETRY_MS = 5_000
/** One lost answer is no outage: a start on marks alone is for a store that says nothing for this long. Then each look asks once. */
const DOWN_AFTER_MS = 2_000

/** Resolves at its end; or, before it has touched anything, with `slot lost`. */
export async function runSession(
  context: Context,
  options: SessionOptions,
): Promise<'ended' | 'slot lost'> {
  const { status, step, stopping } = context
  const way = await chooseWay(context)
  const started = way === 'start' ? await start(context) : undefined
  if (started === 'slot lost') return 'slot lost'
  if (way === 'start' && started === undefined) return closeUnused(context)
  options.onLettingGo?.()
  status.set({
    phase: 'running',
    reason: 'running',
    ready: true,
    unshippedSinceMs: context.patience.clock.monotonicMs(),
  })
  await step('let go')
  const hints = options.watch()
  context.state.watch(hints)
  try {
    const committer = started ?? (await joinWhenPossible(context))
    const replicator = new Replicator(context, committer, { ...options, hints })
    options.onReplicating(replicator)
    if (stopping.aborted) replicator.stop()
    await replicator.run()
  } finally {
    await hints.close()
  }
  return 'ended'
}

/**
 * `start`: the app has not run in this pod. `join`: it runs, or may run now, and nothing of it is touched. While that is
 * not known (the marks do not read, the store does not answer), nothing is begun.
 */
async function chooseWay(context: Context): Promise<'start' | 'join'> {
  const { status, stopping, patience } = context
  const backOff = new BackOff(RETRY_MS, HELD_WAIT_MS)
  for (let silentMs = DOWN_AFTER_MS; !stopping.aborted; silentMs = 0) {
    try {
      return await lookForProof(context, silentMs)
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const isSilent = error instanceof UnreachableError
      const reason = isSilent ? `the store does not answer: ${error.message}` : error.message
      status.set({ phase: 'holding', reason })
      await patience.clock.sleep(backOff.nextMs(), stopping)
    }
  }
  return 'start' // which ends at once
}

/** @param silentMs for how long a store may say nothing. */
async function lookForProof(context: Context, silentMs: number): Promise<'start' | 'join'> {
  const { writer, status, patience } = context
  if (context.letGoIn() !== undefined || markProves(context)) return 'join'
  try {
    // Also when told to stop: whether there is something to ship is what this look is about.
    const { clock } = patience
    const patient = { clock, giveUpAfterMs: silentMs }
    const head = await untilReachable(() => writer.log.head(), patient)
    if (head === undefined) return 'start'
    const view = { n: head.record.n, state: head.record.log }
    const proven = await untilReachable(() => logProves(context, view), patient)
    return proven ? 'join' : 'start'
  } catch (error) {
    if (!(error instanceof HoldfastError) || !mayStartOffline(context)) throw error
    status.set({ problem: error.message })
    leaveProof(context)
    return 'join'
  }
}

async function joinWhenPossible(context: Context): Promise<Committer> {
  for (const backOff = new BackOff(RETRY_MS); ;) {
    try {
      return await join(context, 'volume')
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      context.status.set({ problem: error.message })
      if (context.stopping.aborted) throw error
      await context.patience.clock.sleep(backOff.nextMs(), context.stopping)
    }
  }
}

/** Told to stop before its app ran: whoever comes next need not wait for an `open` that nobody uses. */
async function closeUnused(context: Context): Promise<'ended'> {
  const { state, n } = context.writer.view
  const { owner } = state
  if (n > 0 && owner?.writer === context.writer.identity.writer)
    await closeLine(context, owner.n, owner.lineage)
  context.status.set({ phase: 'ended', reason: 'ended before the app ran' })
  return 'ended'
}
