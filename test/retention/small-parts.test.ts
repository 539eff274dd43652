import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { UsageError } from '../../shared/errors.ts'
import type { FileEntry, PackedFrame } from '../../shared/repository/entry.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import { DEFAULT_KEEP, parseKeep } from '../../shared/retention/keep-policy.ts'
import { LiveFrames, framesOf } from '../../shared/retention/live-frames.ts'
import { rangeOf, toRanges } from '../../shared/retention/number-ranges.ts'

it('--keep says some of the rules, or all', () => {
  expect(parseKeep('all=24h,hourly=48,daily=14,weekly=8')).toEqual(DEFAULT_KEEP)
  expect(parseKeep('daily=30')).toEqual({ daily: 30 })
  expect(parseKeep('all=0s')).toEqual({ allMs: 0 })
})

it.each([
  '',
  'daily',
  'daily=',
  'daily=x',
  'daily=-1',
  'all=5',
  'monthly=2',
  'daily=1,daily=2',
  'hourly=100001',
])('--keep "%s" is refused with an example', (text) => {
  expect(() => parseKeep(text)).toThrow(UsageError)
  expect(() => parseKeep(text)).toThrow('all=24h,hourly=48,daily=14,weekly=8')
})

it('ranges name exactly what they are made of, among all numbers there are', () => {
  const sets = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 })
  fc.assert(
    fc.property(sets, fc.func(fc.boolean()), (numbers, isIn) => {
      const all = numbers.toSorted((a, b) => a - b)
      const some = new Set(all.filter((n) => isIn(n)))
      const ranges = toRanges(some, all)
      expect(all.filter((n) => rangeOf(ranges, n) !== undefined)).toEqual([...some])
      for (const [i, [first, last]] of ranges.entries()) {
        expect(first).toBeLessThanOrEqual(last)
        expect(first).toBeGreaterThan(ranges[i - 1]?.[1] ?? 0)
      }
    }),
  )
})

/** So prune may remove every other version: no later delta is told against it. */
it('the next delta is told against the head, or against one that the head is told against', () => {
  const commit = fc.record({ names: fc.nat(60), anew: fc.nat(40) })
  fc.assert(
    fc.property(fc.array(commit, { minLength: 1, maxLength: 300 }), (commits) => {
      const bases = new Map<number, number>([[1, 0]])
      let chain = new DeltaChain({ n: 1, depth: 0 })
      for (const [i, { names, anew }] of commits.entries()) {
        const n = i + 2
        // A writer that starts takes the head as its anchor.
        if (anew === 0) chain = new DeltaChain({ n: n - 1, depth: depthOf(n - 1) })
        const changed = new Set(Array.from({ length: names }, (_, name) => `0/${name}`))
        const plan = chain.plan(changed, 2000)
        const allowed = new Set([0, n - 1])
        for (let next = n - 1; next !== 0; next = bases.get(next) ?? 0) allowed.add(next)
        expect(allowed.has(plan.base)).toBe(true)
        chain.committed(n, plan, changed)
        bases.set(n, plan.base)
      }

      function depthOf(version: number): number {
        let depth = 0
        for (let next = version; (next = bases.get(next) ?? 0) !== 0;) depth += 1
        return depth
      }
    }),
    { numRuns: 100 },
  )
})

interface Told {
  readonly base: number
  readonly said: ReadonlyMap<string, number | undefined>
  readonly need: 'kept' | 'planned' | undefined
}

/** Versions by number, from 1; each may be told against any before it. */
const told: fc.Arbitrary<Told[]> = fc
  .array(
    fc.record({
      base: fc.nat(1000),
      said: fc.dictionary(
        fc.constantFrom('a', 'b', 'c', 'd'),
        fc.option(fc.nat(5), { nil: undefined }),
      ),
      need: fc.constantFrom('kept' as const, 'planned' as const, undefined),
    }),
    { maxLength: 25 },
  )
  .map((versions) =>
    versions.map(({ base, said, need }, i) => ({
      base: base % (i + 1),
      said: new Map(Object.entries(said)),
      need,
    })),
  )

const frame = (offset: number): PackedFrame => ({
  pack: 'p',
  offset,
  storedBytes: 1,
  plainBytes: 1,
})

it('a frame is live when a version that counts sees an entry with it: as composing every version finds it', () => {
  fc.assert(
    fc.property(told, (versions) => {
      const live = new LiveFrames()
      const walk = (base: number) => {
        for (const [i, version] of versions.entries()) {
          if (version.base !== base) continue
          live.enter()
          for (const [name, offset] of version.said)
            live.say(name, offset === undefined ? [] : [frame(offset)])
          if (version.need !== undefined) live.count(version.need)
          walk(i + 1)
          live.leave()
        }
      }
      walk(0)
      for (const need of ['kept', 'planned'] as const) {
        const found = new Set(live.frames[need].get('p')?.keys())
        expect(found).toEqual(composed(versions, need))
      }
    }),
    { numRuns: 500 },
  )
})

function composed(versions: readonly Told[], need: string): Set<number> {
  const offsets = new Set<number>()
  const entriesOf = (n: number): Map<string, number | undefined> => {
    const version = versions[n - 1]
    return version === undefined
      ? new Map()
      : new Map([...entriesOf(version.base), ...version.said])
  }
  for (const [i, version] of versions.entries())
    if (version.need === need)
      for (const offset of entriesOf(i + 1).values()) if (offset !== undefined) offsets.add(offset)
  return offsets
}

it('the frames of a file are told once for neighbours, and holes have none', () => {
  const chunk = (offset: number) => ({ id: '', lengthBytes: 1, frame: frame(offset), start: 0 })
  const chunks = [chunk(1), chunk(1), { hole: 5 }, chunk(1), chunk(2)]
  expect(framesOf({ type: 'file', chunks } as unknown as FileEntry)).toEqual([frame(1), frame(2)])
})
