/**
 * One run of prune over one stream:
 *
 *   server's time → log, holds, tags, packs → what is kept → manifests: which bytes are needed → the next prune record
 *   → deletes, compaction
 *
 * A run first finishes what the newest record says is gone. It carries out a plan that has stood for a day, and makes
 * the next one. A live writer needs no word of all this: it refers only to the version that it extends, which is kept,
 * with all that this one is told against, and to uploads that are younger than a day.
 */
import { randomUUID } from 'node:crypto'
import type { Keep, VersionRecord } from '../shared/repository/log-record.ts'
import { FORMAT } from '../shared/repository/log-record.ts'
import type { LoggedPrune, PruneRecord } from '../shared/repository/prune-record.ts'
import { createPrune, readPrune } from '../shared/repository/prune-record.ts'
import { fencesOf } from '../shared/retention/fences.ts'
import { DEFAULT_KEEP } from '../shared/retention/keep-policy.ts'
import type { FrameSet, Need } from '../shared/retention/live-frames.ts'
import { toRanges } from '../shared/retention/number-ranges.ts'
import type { ObjectPlan } from '../shared/retention/object-plan.ts'
import { planObjects } from '../shared/retention/object-plan.ts'
import type { PruneDecision } from '../shared/retention/prune-decision.ts'
import { decidePrune } from '../shared/retention/prune-decision.ts'
import type { UsedObjects } from '../shared/retention/used-objects.ts'
import { usedObjects, withBases } from '../shared/retention/used-objects.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { OvertakenError } from './overtaken-error.ts'
import type { PruneSeams } from './prune-steps.ts'
import type { OnProgress, Survey } from './prune-survey.ts'
import { framesNeeded, surveyStream, versionsOf } from './prune-survey.ts'
import type { Swept } from './prune-sweep.ts'
import { sweep } from './prune-sweep.ts'
import type { StreamInRepository } from './repository.ts'

export interface PruneOrder {
  /** Overrides what the newest version says was declared. */
  readonly keep: Partial<Keep>
  readonly confirmed: number | undefined
  readonly dryRun: boolean
}

export interface PruneResult {
  readonly survey: Survey
  readonly keep: Keep
  readonly decision: PruneDecision
  readonly objects: ObjectPlan
  /** Versions that resolve no more, and whose objects stay all the same: why. */
  readonly staying: ReadonlyMap<number, string>
  /** Undefined in a dry run. */
  readonly swept: Swept | undefined
}

/** Throws `CorruptObjectError` when the log or a manifest cannot be read, `OvertakenError` when another prune was faster. */
export async function pruneStream(
  from: StreamInRepository,
  order: PruneOrder,
  seams: PruneSeams,
  say: OnProgress,
): Promise<PruneResult> {
  const { store, log, patience } = from
  const { stream } = log
  const now = order.dryRun
    ? patience.clock.now()
    : await seams.serverTime(store, stream, seams.step)
  const previous = await readPrune(store, stream)
  const survey = await surveyStream(from, say)
  await seams.step('surveyed')
  const versions = versionsOf(survey.records)
  const keep = { ...(declaredKeep(survey, versions) ?? DEFAULT_KEEP), ...order.keep }
  const decision = decidePrune({ ...survey, keep, now }, previous, order.confirmed, seams.dayMs)
  const used = await usedBy(from, survey, versions, decision, say)
  const objects = planObjects({ ...survey, used, now }, decision, previous, seams.dayMs)
  const staying = whatStays(survey, versions, decision, used.any)
  const result = { survey, keep, decision, objects, staying }
  if (order.dryRun) return { ...result, swept: undefined }
  const k = await publish(from, result, previous)
  await seams.step('recorded')
  const goes = [...decision.gone].filter((n) => !staying.has(n))
  const work = { versions: goes, objects, packs: used.any.packs, k }
  return { ...result, swept: await sweep(from, work, seams, say) }
}

/** What the newest version of the main line says. */
function declaredKeep(
  { records }: Survey,
  versions: ReadonlyMap<number, VersionRecord>,
): Keep | undefined {
  return versions.get(records.at(-1)?.record.log.head?.version ?? 0)?.keep
}

async function usedBy(
  from: StreamInRepository,
  { moves }: Survey,
  versions: ReadonlyMap<number, VersionRecord>,
  { gone, planned, kept }: PruneDecision,
  say: OnProgress,
): Promise<{ kept: UsedObjects; any: UsedObjects }> {
  const needOf = (n: number): Need | undefined => {
    if (gone.has(n)) return undefined
    return planned.has(n) && !kept.has(n) ? 'planned' : 'kept'
  }
  const frames = await framesNeeded(from, versions, needOf, say)
  return {
    kept: usedObjects(frames.kept, moves),
    any: usedObjects(both(frames), moves),
  }
}

function both({ kept, planned }: Record<Need, FrameSet>): FrameSet {
  const all: FrameSet = new Map()
  for (const pack of new Set([...kept.keys(), ...planned.keys()]))
    all.set(pack, new Map([...(kept.get(pack) ?? []), ...(planned.get(pack) ?? [])]))
  return all
}

/** Of the versions that are gone, whose objects have to stay. */
function whatStays(
  { records }: Survey,
  versions: ReadonlyMap<number, VersionRecord>,
  { gone }: PruneDecision,
  used: UsedObjects,
): Map<number, string> {
  const fences = fencesOf(records.map(({ record }) => record))
  const bases = withBases(
    versions,
    [...versions.keys()].filter((n) => !gone.has(n)),
  )
  const staying = new Map<number, string>()
  for (const n of gone)
    if (fences.has(n)) staying.set(n, 'it fences its number')
    else if (bases.has(n)) staying.set(n, 'others are told against it')
    else if (used.versions.has(n)) staying.set(n, 'it holds bytes of others')
  return staying
}

/** The number of the record that counts from now on; 0: there is none, and nothing to say. */
async function publish(
  { store, log }: StreamInRepository,
  { survey, keep, decision, objects }: Omit<PruneResult, 'swept' | 'staying'>,
  previous: LoggedPrune | undefined,
): Promise<number> {
  const k = previous?.record.k ?? 0
  const isNew = decision.isDue || decision.planned.size + objects.planned.length > 0
  if (decision.waitsUntil !== undefined || !isNew) return k
  const numbers = survey.records.map(({ record }) => record.n)
  const record: PruneRecord = {
    format: FORMAT,
    kind: 'prune',
    stream: formatStreamName(log.stream),
    k: k + 1,
    id: randomUUID(),
    keep,
    planned: {
      versions: mutable(toRanges(decision.planned, numbers)),
      objects: [...objects.planned],
    },
    gone: { versions: mutable(toRanges(decision.gone, numbers)), objects: [...objects.gone] },
  }
  if (await createPrune(store, log.stream, record)) return k + 1
  throw new OvertakenError()
}

function mutable(ranges: readonly (readonly [number, number])[]): [number, number][] {
  return ranges.map(([first, last]) => [first, last])
}
