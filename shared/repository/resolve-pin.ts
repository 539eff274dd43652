/** From what a person asks for to the number of a version. Order is by number; where a time decides, it is the server's. */
import { NotFoundError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { Pin } from '../pin.ts'
import { formatStreamName, streamPartProblem } from '../stream-name.ts'
import { appPrefix } from './object-keys.ts'
import type { LoggedPrune } from './prune-record.ts'
import { pruneFate, readPrune, requireUnpruned } from './prune-record.ts'
import { readTag } from './tags.ts'
import { requireVersion } from './version-object.ts'
import type { LoggedNumber, VersionLog } from './version-log.ts'

/**
 * The version that a pin names now (a tag that only other slots of the app have: by the time of the version that it names
 * there); 0 for "nothing" (`fresh`, or `latest` of a stream without versions, or a time
 * before the first one). Throws `NotFoundError` for a number or tag that is not there, or that prune is about to remove.
 */
export async function resolvePin(store: ObjectStore, log: VersionLog, pin: Pin): Promise<number> {
  switch (pin.kind) {
    case 'fresh':
      return 0
    case 'latest':
      return (await log.head())?.record.log.head?.version ?? 0
    case 'version':
      return requireKept(store, log, pin.number)
    case 'tag':
      return resolveTag(store, log, pin.tag)
    case 'time':
      return resolveTime(log, await readPrune(store, log.stream), pin.time)
  }
}

/** Pins that name a version which must be there: a number or a tag. The others may resolve to "nothing". */
async function resolveTag(store: ObjectStore, log: VersionLog, tag: string): Promise<number> {
  const n = await readTag(store, log.stream, tag)
  if (n !== undefined) return requireKept(store, log, n)
  const time = await timeOfTag(store, log, tag)
  if (time !== undefined) return resolveTime(log, await readPrune(store, log.stream), time)
  throw new NotFoundError(
    `stream ${formatStreamName(log.stream)} has no version tagged "${tag}": holdfast versions lists the tags`,
  )
}

/** When the version was made that has this tag in another slot of the app, the newest of several; undefined: none has. */
async function timeOfTag(
  store: ObjectStore,
  log: VersionLog,
  tag: string,
): Promise<Date | undefined> {
  let newest: Date | undefined
  for (const slot of await store.folders(appPrefix(log.stream))) {
    if (slot === log.stream.slot || streamPartProblem(slot) !== undefined) continue
    const other = log.ofSlot(slot)
    const n = await readTag(store, other.stream, tag)
    const made = n === undefined ? undefined : (await other.record(n))?.modifiedAt
    if (made !== undefined && (newest === undefined || made > newest)) newest = made
  }
  return newest
}

async function requireKept(store: ObjectStore, log: VersionLog, n: number): Promise<number> {
  const { n: there } = await requireVersion(log, n)
  requireUnpruned(await readPrune(store, log.stream), log.stream, there)
  return there
}

/** The newest complete version of the main line that is not after `time`. */
async function resolveTime(
  log: VersionLog,
  prune: LoggedPrune | undefined,
  time: Date,
): Promise<number> {
  const newest = await newestNotAfter(log, time)
  if (newest === undefined) return 0
  return newestComplete(log, prune, await headNotAbove(log, newest.n))
}

/** Version `n`, or the newest complete one that it continues; 0 when there is none. */
async function newestComplete(
  log: VersionLog,
  prune: LoggedPrune | undefined,
  n: number,
): Promise<number> {
  for (let next = n; next !== 0;) {
    const pruned = pruneFate(prune, next)
    if (pruned !== undefined) {
      // All of them at once: a plan names thousands in a row.
      next = await headNotAbove(log, pruned.range[0] - 1)
      continue
    }
    const record = (await log.record(next))?.record
    if (record?.kind === 'version' && record.complete) return next
    // A version that retention has thinned: the main line's head just before it stands in.
    next = record?.kind === 'version' ? record.parent : await headNotAbove(log, next - 1)
  }
  return 0
}

/** The main line's head as the newest record not above `n` tells it; one that is pruned meanwhile is passed over. */
async function headNotAbove(log: VersionLog, n: number): Promise<number> {
  for (let below = n + 1; ;) {
    const [newest] = await log.numbers({ below, limit: 1 })
    if (newest === undefined) return 0
    const found = await log.record(newest.n)
    if (found !== undefined) return found.record.log.head?.version ?? 0
    below = newest.n
  }
}

/** Binary search over the numbers, a listing of one key per step: the server's times grow with them. */
async function newestNotAfter(log: VersionLog, time: Date): Promise<LoggedNumber | undefined> {
  let [candidate] = await log.numbers({ limit: 1 })
  if (candidate === undefined) return undefined
  if (candidate.modifiedAt <= time) return candidate
  let found: LoggedNumber | undefined
  for (let low = 0, high = candidate.n - 1; low < high;) {
    const middle = Math.ceil((low + high) / 2)
    ;[candidate] = await log.numbers({ below: middle + 1, limit: 1 })
    if (candidate === undefined || candidate.n <= low) {
      low = middle // nothing between: numbers that were never used, or pruned
    } else if (candidate.modifiedAt <= time) {
      found = candidate
      low = middle
    } else high = candidate.n - 1
  }
  return found
}
