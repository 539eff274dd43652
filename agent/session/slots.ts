/**
 * Which slot a pod takes whose workload gives it none (a ReplicaSet's): the first from `0` whose last writer has closed
 * or is gone. Where one on the way is just ending, its slot is waited for, so that a pod that replaces another goes on
 * with what that one had, whatever else is free. The `open` decides between two who try.
 */
import { HoldfastError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { UnreachableError } from '../../shared/object-store/object-store.ts'
import type { Patience } from '../../shared/patience.ts'
import { BackOff, HELD_WAIT_MS, untilReachable } from '../../shared/patience.ts'
import type { LoggedRecord } from '../../shared/repository/version-log.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import type { StreamName } from '../../shared/stream-name.ts'
import type { AppState } from './app-state.ts'
import type { PodStateOf } from './context.ts'
import { LOOK_MS, endsWithinMs } from './hand-over.ts'
import { fateOf, seeAgain, type SeenWriter } from './slot-writer.ts'
import type { Status } from './status.ts'

export interface Claim {
  readonly slot: string
  /** The newest number of its log when it was found free; null: it is the pod's own, whoever writes there. */
  readonly at: number | null
}

/** Undefined: told to stop. Asked again, it looks again: what it gave was taken by another pod meanwhile. */
export type NextClaim = () => Promise<Claim | undefined>

/** Undefined: told to stop before it ran to its end in a slot that nobody else has taken. */
export async function inSlot<T>(
  next: NextClaim,
  run: (claim: Claim) => Promise<T | 'slot lost'>,
): Promise<T | undefined> {
  for (let claim = await next(); claim !== undefined; claim = await next()) {
    const outcome = await run(claim)
    if (outcome !== 'slot lost') return outcome
  }
  return undefined
}

export interface SlotSeams {
  readonly store: ObjectStore
  readonly app: Omit<StreamName, 'slot'>
  readonly podUid: string
  readonly state: Pick<AppState, 'marks'>
  readonly patience: Patience
  readonly status: Status
  readonly stopping: AbortSignal
  readonly podState: PodStateOf
  /** The slot in which an earlier agent of this pod let the app go. */
  readonly letGoIn: () => string | undefined
}

/** A search that holds looks again after this, then somewhat less often. */
const HOLD_MS = 10_000
/** A store that says nothing for this long is said to be silent; then each look asks once. */
const SILENT_MS = 2_000

export function searchSlots(seams: SlotSeams): NextClaim {
  const seen = new Map<string, SeenWriter>()
  return async () => {
    const { stopping, status, patience } = seams
    let backOff = new BackOff(HOLD_MS, HELD_WAIT_MS)
    let silentMs = SILENT_MS
    while (!stopping.aborted) {
      try {
        const own = ownSlot(seams)
        if (own !== undefined) return { slot: own, at: null }
        const found = await firstFree(seams, seen, silentMs)
        if ('slot' in found) return found
        backOff = new BackOff(HOLD_MS, HELD_WAIT_MS)
        silentMs = SILENT_MS
        status.set({ phase: 'waiting', reason: found.waiting })
        await patience.clock.sleep(LOOK_MS, stopping)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        const isSilent = error instanceof UnreachableError
        const reason = isSilent ? `the store does not answer: ${error.message}` : error.message
        status.set({ phase: 'holding', reason })
        silentMs = 0
        await patience.clock.sleep(backOff.nextMs(), stopping)
      }
    }
    return undefined
  }
}

/** The app's state says where it belongs: an app that runs already stays there, and so does a volume that has been written. */
function ownSlot({ app, state, letGoIn }: SlotSeams): string | undefined {
  const prefix = `${app.namespace}/${app.app}/`
  const marked = state.marks().find(({ mark }) => mark?.stream.startsWith(prefix) === true)
  return marked?.mark?.stream.slice(prefix.length) ?? letGoIn()
}

async function firstFree(
  seams: SlotSeams,
  seen: Map<string, SeenWriter>,
  silentMs: number,
): Promise<Claim | { readonly waiting: string }> {
  const { store, app, patience } = seams
  for (let number = 0; ; number += 1) {
    const slot = String(number)
    const log = new VersionLog(store, { ...app, slot }, patience)
    const head = await untilReachable(() => log.head(), { ...patience, giveUpAfterMs: silentMs })
    if (head === undefined) return { slot, at: 0 }
    const waiting = await whyNot(seams, seen, slot, head)
    if (waiting === '') return { slot, at: head.record.n }
    if (waiting !== undefined) return { waiting }
  }
}

/** Empty: it is free. Undefined: its writer is alive. Else whom it is waited for. */
async function whyNot(
  { app, podUid, patience, podState }: SlotSeams,
  seen: Map<string, SeenWriter>,
  slot: string,
  { record }: LoggedRecord,
): Promise<string | undefined> {
  const { owner } = record.log
  if (owner === null || owner.closed || owner.pod.uid === podUid) return ''
  const { clock } = patience
  const before = seen.get(slot)
  const n = record.writer === owner.writer ? record.n : (before?.n ?? owner.n)
  const writer = seeAgain(before, owner.writer, n, clock.monotonicMs())
  const answer = await podState(owner.pod)
  // How long it is silent counts from when it was last known to be alive.
  if (answer === 'alive') seen.delete(slot)
  else seen.set(slot, writer)
  const fate = fateOf(writer, answer, endsWithinMs(owner), clock.monotonicMs())
  if (fate === 'gone') return ''
  if (fate === 'alive') return undefined
  return `waiting for pod ${owner.pod.name} (${answer ?? 'nobody knows whether it is alive'}) to hand over slot ${slot} of ${app.namespace}/${app.app}`
}
