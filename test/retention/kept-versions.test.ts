import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Keep } from '../../shared/repository/log-record.ts'
import { EMPTY_LOG, advance, type UnstatedRecord } from '../../shared/repository/log-state.ts'
import { fencesOf } from '../../shared/retention/fences.ts'
import {
  DAY_MS,
  DEFAULT_KEEP,
  HOUR_MS,
  hourOf,
  longestSpanMs,
} from '../../shared/retention/keep-policy.ts'
import { keptVersions, type DatedRecord } from '../../shared/retention/kept-versions.ts'
import { unstated } from '../shared/repository/records.ts'

const NOTHING = { allMs: 0, hourly: 0, daily: 0, weekly: 0 }
const NOW = Date.UTC(2026, 10, 20, 12, 30)

interface Step {
  readonly kind: 'version' | 'open' | 'restore' | 'branch' | 'safety'
  readonly complete: boolean
  readonly waitMs: number
  readonly pick: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'version',
    'version',
    'version',
    'version',
    'open',
    'restore',
    'branch',
    'safety',
  ),
  complete: fc.boolean(),
  waitMs: fc.oneof(fc.nat(3 * HOUR_MS), fc.nat(3 * DAY_MS)),
  pick: fc.nat(1000),
})
const policy: fc.Arbitrary<Keep> = fc.record({
  allMs: fc.nat(2 * DAY_MS),
  hourly: fc.nat(60),
  daily: fc.nat(20),
  weekly: fc.nat(5),
})

/** The log that these steps make, its last record at `NOW`. */
function logOf(steps: readonly Step[]): DatedRecord[] {
  let ms = NOW - steps.reduce((sum, { waitMs }) => sum + waitMs, 0)
  let state = EMPTY_LOG
  let lineage = 'L0'
  let writer = 1
  let open = 1
  const records: DatedRecord[] = []
  const add = (record: UnstatedRecord) => {
    state = advance(state, record)
    records.push({ record: { ...record, log: state }, modifiedAt: new Date(ms) })
  }
  add(unstated('open', 1, { writer: 'w1' }))
  for (const { kind, complete, waitMs, pick } of steps) {
    ms += waitMs
    const n = records.length + 1
    const common = { writer: `w${writer}`, open, lineage }
    const { head, settled } = state
    if (kind === 'version' || kind === 'safety')
      add(
        unstated('version', n, {
          ...common,
          complete,
          reason: kind === 'safety' ? kind : 'change',
        }),
      )
    else if (kind === 'branch') {
      const own = { writer: 'w0', lineage: `${lineage}/w0`, branch: true, complete }
      add(unstated('version', n, own))
    } else if (kind === 'open') {
      writer += 1
      open = n
      add(unstated('open', n, { writer: `w${writer}`, open, lineage, head, settled }))
    } else {
      const versions = records.filter(({ record }) => record.kind === 'version')
      const resolved = versions[pick % Math.max(versions.length, 1)]?.record.n ?? 0
      const left = { lineage, head, settled }
      lineage = `L${n}`
      add(unstated('restore', n, { ...common, lineage, resolved, parent: resolved, left }))
    }
  }
  return records
}

function keptOf(
  records: readonly DatedRecord[],
  keep: Keep,
  more: object = {},
): Map<number, string> {
  const facts = { records, gone: new Set<number>(), held: new Set<number>() }
  return keptVersions({ ...facts, tags: new Map(), keep, now: new Date(NOW), ...more })
}

const versionsIn = (records: readonly DatedRecord[]) =>
  records.flatMap(({ record, modifiedAt }) =>
    record.kind === 'version' ? [{ record, ageMs: NOW - modifiedAt.getTime(), modifiedAt }] : [],
  )

function property(holds: (records: DatedRecord[], keep: Keep) => void): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), policy, (steps, keep) => {
      holds(logOf(steps), keep)
    }),
    { numRuns: 300 },
  )
}

describe('of any log and policy', () => {
  it('latest stays, each head, each newest complete version, and what each restore left', () => {
    property((records, keep) => {
      const kept = keptOf(records, keep)
      const must = new Set([records.at(-1)?.record.log.head?.version ?? 0])
      const main = versionsIn(records).filter(({ record }) => !record.branch)
      for (const lineage of Map.groupBy(main, ({ record }) => record.lineage).values()) {
        must.add(lineage.at(-1)?.record.n ?? 0)
        must.add(lineage.findLast(({ record }) => record.complete)?.record.n ?? 0)
      }
      for (const { record } of records)
        if (record.kind === 'restore') must.add(record.left.head?.version ?? 0)
      must.delete(0)
      expect([...kept.keys()]).toEqual(expect.arrayContaining([...must]))
    })
  })

  it('everything younger than "all" stays, and branch ends and safety versions for the longest span', () => {
    property((records, keep) => {
      const kept = keptOf(records, keep)
      const versions = versionsIn(records)
      const spanMs = longestSpanMs(keep)
      const ends = Map.groupBy(versions, ({ record }) => record.lineage)
      const must = versions.filter(({ record, ageMs }) => {
        const isEnd = record.branch && ends.get(record.lineage)?.at(-1)?.record.n === record.n
        return ageMs < keep.allMs || ((isEnd || record.reason === 'safety') && ageMs < spanMs)
      })
      expect([...kept.keys()]).toEqual(expect.arrayContaining(must.map(({ record }) => record.n)))
    })
  })

  it('each hour that counts keeps one of each lineage, complete if there is one', () => {
    property((records, keep) => {
      const kept = keptOf(records, keep)
      const after = hourOf(new Date(NOW)) - keep.hourly
      const young = versionsIn(records).filter(({ modifiedAt }) => hourOf(modifiedAt) > after)
      const hours = Map.groupBy(
        young,
        ({ record, modifiedAt }) => `${record.lineage} ${hourOf(modifiedAt)}`,
      )
      for (const hour of hours.values()) {
        const complete = hour.filter(({ record }) => record.complete)
        const among = complete.length > 0 ? complete : hour
        expect(kept.has(among.at(-1)?.record.n ?? 0)).toBe(true)
      }
    })
  })

  it('what has gone is never missed: as time goes by, only less is kept, whatever has been removed', () => {
    property((records, keep) => {
      const now = keptOf(records, keep)
      const gone = new Set(versionsIn(records).map(({ record }) => record.n))
      for (const n of now.keys()) gone.delete(n)
      for (const laterMs of [HOUR_MS, 7 * HOUR_MS, 3 * DAY_MS, 30 * DAY_MS]) {
        const later = { now: new Date(NOW + laterMs) }
        const all = new Set(keptOf(records, keep, later).keys())
        expect(new Set(keptOf(records, keep, { ...later, gone }).keys())).toEqual(all)
        expect([...now.keys()]).toEqual(expect.arrayContaining([...all]))
      }
    })
  })

  it('deleting what is no fence makes no fence less', () => {
    property((records, keep) => {
      const all = records.map(({ record }) => record)
      const fences = fencesOf(all)
      const kept = keptOf(records, keep)
      const left = all.filter(({ n }) => fences.has(n) || kept.has(n))
      expect(fencesOf(left)).toEqual(fences)
    })
  })
})

it('thins a lineage to hours, days and weeks, each time to the newest', () => {
  const records = logOf(
    Array.from({ length: 24 * 21 }, () => ({
      kind: 'version' as const,
      complete: true,
      waitMs: HOUR_MS,
      pick: 0,
    })),
  )
  const kept = keptOf(records, {
    ...DEFAULT_KEEP,
    allMs: 3 * HOUR_MS,
    hourly: 5,
    daily: 4,
    weekly: 3,
  })
  const counts = Map.groupBy(kept.values(), (why) => why)
  // The newest is latest, and in hours, days and weeks, too.
  expect(counts.get('all')?.length).toBe(2)
  expect(counts.get('hourly')?.length).toBe(2)
  expect(counts.get('daily')?.length).toBe(3)
  expect(counts.get('weekly')?.length).toBe(2)
  expect(kept.size).toBe(10)
})

it('keeps what is held or tagged, also with a tag that is still to be written', () => {
  const steps = Array.from({ length: 9 }, () => ({
    kind: 'version' as const,
    complete: true,
    waitMs: DAY_MS,
    pick: 0,
  }))
  const records = logOf(steps)
  const [, , third] = versionsIn(records)
  if (third !== undefined) third.record.tag = 'soon'
  const kept = keptOf(records, NOTHING, { held: new Set([2]), tags: new Map([[3, 'tag']]) })
  expect([...kept]).toEqual([
    [2, 'held'],
    [3, 'tagged tag'],
    [4, 'tagged soon'],
    [10, 'latest'],
  ])
})

it('keeps what a restore brought back for as long as nothing else is complete', () => {
  const plain = { complete: true, waitMs: DAY_MS, pick: 1 }
  const records = logOf([
    { ...plain, kind: 'version' },
    { ...plain, kind: 'version', complete: false },
    { ...plain, kind: 'version' },
    { ...plain, kind: 'restore' },
    { ...plain, kind: 'version', complete: false },
  ])
  // v3, which was restored, is partial: the one before it is complete, and v3 tells so.
  expect(new Set(keptOf(records, NOTHING).keys())).toEqual(new Set([2, 3, 4, 6]))
})
