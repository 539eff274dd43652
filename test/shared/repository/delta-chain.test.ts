import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { DeltaChain } from '../../../shared/repository/delta-chain.ts'

/** What is at each name; undefined: nothing. */
type Tree = Map<string, number>
interface Stored {
  readonly base: number
  readonly depth: number
  readonly delta: ReadonlyMap<string, number | undefined>
}

const namesOf = (changes: ReadonlyMap<string, unknown>) => new Set(changes.keys())

/** Commits trees through a chain as a writer does, and keeps what it would have written. */
class History {
  readonly stored = new Map<number, Stored>()
  readonly trees = new Map<number, Tree>()
  lines = 0
  #n = 0
  #chain: DeltaChain
  #tree: Tree = new Map()

  constructor() {
    this.#chain = new DeltaChain()
  }

  commit(changes: ReadonlyMap<string, number | undefined>): void {
    for (const [name, value] of changes)
      if (value === undefined) this.#tree.delete(name)
      else this.#tree.set(name, value)
    const plan = this.#chain.plan(namesOf(changes), this.#tree.size)
    this.#n += 1 + (this.#n % 3) // holes in the numbers are normal
    const names = plan.names === 'all' ? this.#tree.keys() : plan.names
    const delta = new Map([...names].map((name) => [name, this.#tree.get(name)]))
    this.stored.set(this.#n, { base: plan.base, depth: plan.depth, delta })
    this.trees.set(this.#n, new Map(this.#tree))
    this.lines += delta.size
    this.#chain.committed(this.#n, plan, namesOf(changes))
  }

  /** Another writer takes up the head. */
  restart(): void {
    const head = this.stored.get(this.#n)
    this.#chain = new DeltaChain(head && { n: this.#n, depth: head.depth })
  }

  read(n: number): { tree: Tree; steps: number } {
    const stored = this.stored.get(n)
    if (stored === undefined) return { tree: new Map(), steps: 0 }
    const { tree, steps } =
      stored.base === 0 ? { tree: new Map(), steps: 0 } : this.read(stored.base)
    for (const [name, value] of stored.delta)
      if (value === undefined) tree.delete(name)
      else tree.set(name, value)
    return { tree, steps: steps + 1 }
  }
}

const change = fc.tuple(fc.nat(12).map(String), fc.option(fc.nat(9), { nil: undefined }))
const step = fc.oneof(
  { weight: 8, arbitrary: fc.array(change, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
)

it('whatever happened, each version reads back as it was, in as many steps as it says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const history = new History()
      for (const each of steps)
        if (each === 'restart') history.restart()
        else history.commit(new Map(each))
      for (const [n, tree] of history.trees) {
        const read = history.read(n)
        expect(read.tree).toEqual(tree)
        expect(read.steps).toBe((history.stored.get(n)?.depth ?? 0) + 1)
      }
    }),
  )
})

it('a version is never more than the logarithm of the commits away from a full manifest', () => {
  const history = new History()
  for (let i = 0; i < 1000; i += 1) history.commit(new Map([[String(i % 5), i]]))
  const depths = [...history.stored.values()].map(({ depth }) => depth)
  expect(Math.max(...depths)).toBeLessThanOrEqual(10)
})

it('a writer that restarts at every commit still finds a full manifest within 24 deltas', () => {
  const history = new History()
  for (let i = 0; i < 100; i += 1) {
    history.commit(new Map([['a', i]]))
    history.restart()
  }
  expect(Math.max(...[...history.stored.values()].map(({ depth }) => depth))).toBe(24)
})

it('a full manifest is due when the deltas since the last one have as many lines as it would have', () => {
  const history = new History()
  history.commit(new Map(Array.from({ length: 2000 }, (_, i) => [`file ${i}`, 0])))
  history.lines = 0
  const commits = 3000
  for (let i = 0; i < commits; i += 1) history.commit(new Map([[`file ${i % 2000}`, i]]))
  const full = [...history.stored.values()].slice(1).filter(({ base }) => base === 0)
  expect(full.length).toBeGreaterThan(2)
  // All that was written stays within a small factor (log of the commits between two full ones) of what changed.
  expect(history.lines).toBeLessThan(commits * 2 * Math.log2(2000))
})

it('a small volume is not written whole for each change', () => {
  const history = new History()
  for (let i = 0; i < 50; i += 1) history.commit(new Map([['only file', i]]))
  expect([...history.stored.values()].filter(({ base }) => base === 0)).toHaveLength(1)
})
