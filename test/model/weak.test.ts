/** An oracle that never objects proves nothing: with one rule switched off, it has to. */
import { expect, test } from 'vitest'
import type { Context } from '../../agent/session/context.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { versionKey } from '../../shared/repository/object-keys.ts'
import { runHistory } from './history.ts'
import type { Fault } from './scenarios.ts'
import { play } from './scenarios.ts'
import type { Scene, StorageKind } from './scene.ts'

/** Some rules break once in a hundred histories only. */
const MANY = 200

/** Runs histories with the weakness until the oracle names the rule. */
async function breaks(rule: string, weakness: Partial<Scene>): Promise<void> {
  const others = new Set<string>()
  for (let seed = 1; seed <= MANY; seed += 1) {
    const { chronicle } = await runHistory(seed, { scene: weakness })
    if (chronicle.violations.has(rule)) return
    for (const other of chronicle.violations.keys()) others.add(other)
  }
  expect([...others]).toContain(rule)
}

/** Plays a story with a fault at one turn after the other, with the weakness. */
async function breaksInPlay(
  rule: string,
  kind: StorageKind,
  scenario: string,
  what: Fault,
  weakness: Partial<Scene>,
): Promise<void> {
  const others = new Set<string>()
  const { turns } = await play(kind, scenario, undefined, weakness)
  for (let at = 0; at < turns; at += 1) {
    const { chronicle } = (await play(kind, scenario, { at, what }, weakness)).world
    if (chronicle.violations.has(rule)) return
    for (const other of chronicle.violations.keys()) others.add(other)
  }
  expect([...others]).toContain(rule)
}

function without(change: (context: Context) => Partial<Context> | void): Partial<Scene> {
  return { adjust: (context) => ({ ...context, ...change(context) }) }
}

test('a store that overwrites what is there', async () => {
  await breaks('a number was used twice', { conditional: false })
})

test('a store that acknowledges what it drops', async () => {
  let creates = 0
  const dropping = (store: ObjectStore): ObjectStore => ({
    url: store.url,
    get: (key, range) => store.get(key, range),
    list: (prefix, options) => store.list(prefix, options),
    folders: (prefix) => store.folders(prefix),
    delete: (key) => store.delete(key),
    create: async (key, body) => {
      creates += 1
      return creates % 20 === 0 ? 'created' : store.create(key, body)
    },
  })
  await breaks(
    'an acknowledged version is not in the store',
    without((context) => {
      const store = dropping(context.store)
      Object.assign(context.writer.log, {
        create: (n: number, _id: string, body: Buffer) => {
          return store.create(versionKey(context.writer.log.stream, n), body)
        },
      })
    }),
  )
})

test('marks that are never written', async () => {
  await breaks(
    'later writes were discarded',
    without(({ state }) => {
      state.writeMarks = () => undefined
      state.ensureMarks = () => undefined
    }),
  )
})

test('restores that leave no dirty mark', async () => {
  await breaksInPlay(
    'the app started on a half-restored volume',
    'one PVC',
    'undo',
    'pin off',
    without(({ state }) => {
      const write = state.writeMarks.bind(state)
      state.writeMarks = (mark, volumes) => {
        if (!mark.dirty) write(mark, volumes)
      }
    }),
  )
})

test('restores that never take their dirty mark back', async () => {
  await breaks(
    'the app started on a dirty mark',
    without(({ state }) => {
      const write = state.writeMarks.bind(state)
      let dirty = false
      state.writeMarks = (mark, volumes) => {
        dirty ||= mark.dirty
        write({ ...mark, dirty }, volumes)
      }
    }),
  )
})

test('restores that save nothing before', async () => {
  await breaks(
    'a restore destroyed what no version holds',
    without(({ state }) => {
      state.hasContent = () => Promise.resolve(false)
    }),
  )
})

test('a start that does not wait for its predecessor', async () => {
  await breaksInPlay(
    'the last flush of a graceful stop went to a branch',
    'emptyDir',
    'rolled over',
    'request lost',
    without(() => ({ exclusive: true })),
  )
})

test('an agent that captures nothing after its first version', async () => {
  await breaks(
    'said to be shipped, and in no version',
    without(({ state }) => {
      const take = state.take.bind(state)
      let taken = 0
      state.take = (held, packs) => {
        taken += 1
        return taken > 2 ? Promise.resolve(undefined) : take(held, packs)
      }
    }),
  )
})
