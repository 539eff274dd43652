import { beforeEach, describe, expect, it } from 'vitest'
import { StreamVaults } from '../../../shared/encryption/stream-vaults.ts'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { factsOfVerdictKey, verdictKey } from '../../../shared/repository/object-keys.ts'
import { standingVerdicts } from '../../../shared/repository/standing-verdict.ts'
import type { NewVerdict } from '../../../shared/repository/verdict.ts'
import { listVerdicts, readVerdict, recordVerdict } from '../../../shared/repository/verdict.ts'
import { MemoryStore } from './memory-store.ts'
import { STREAM } from './records.ts'

let store: MemoryStore
let day: number
beforeEach(() => {
  store = new MemoryStore()
  day = 0
  store.now = () => new Date(Date.UTC(2026, 10, day))
})

const ALL: NewVerdict = {
  from: 2,
  to: 9,
  percent: 100,
  seed: null,
  checked: { versions: 4, chunks: 10, ofChunks: 10, bytes: 1000 },
  damaged: [],
}
const SAMPLE: NewVerdict = { ...ALL, percent: 5, seed: 42 }
const lost = (...paths: readonly string[]) => [
  {
    from: 3,
    to: 5,
    problem: null,
    files: paths.length,
    lost: paths.map((path) => ({ path, why: 'gone' })),
  },
]

/** Each on a day of its own. */
async function record(...verdicts: readonly NewVerdict[]): Promise<void> {
  for (const verdict of verdicts) {
    day += 1
    await recordVerdict(store, STREAM, verdict, PLAIN_VAULT)
  }
}

const VAULTS = new StreamVaults(STREAM)
const standing = async (n: number) => (await standingVerdicts(store, STREAM, [n], VAULTS)).get(n)

it.each([
  { number: 1, from: 2, to: 57, percent: 100, sound: true },
  { number: 12, from: 2, to: 2, percent: 5, sound: false },
  { number: 999, from: 1, to: 999_999, percent: 0.25, sound: true },
])('a key says $percent% of v$from to v$to', (facts) => {
  expect(factsOfVerdictKey(verdictKey(STREAM, facts))).toEqual(facts)
})

it('is listed newest first, and told by the listing alone', async () => {
  await record(ALL, SAMPLE)
  store.calls.length = 0
  expect(await listVerdicts(store, STREAM)).toMatchObject([
    { number: 2, percent: 5, at: new Date(Date.UTC(2026, 10, 2)) },
    { number: 1, percent: 100, sound: true },
  ])
  const [newest] = await listVerdicts(store, STREAM)
  expect(await readVerdict(store, STREAM, newest?.key ?? '', VAULTS)).toMatchObject(SAMPLE)
})

it('stays small, and says how much is lost all the same', async () => {
  const paths = Array.from({ length: 800 }, (_none, i) => `/data/${i}`)
  const [first] = lost(...paths)
  if (first === undefined) throw new Error('nothing is lost')
  await record({ ...ALL, damaged: [first, { ...first, from: 7, to: 9 }] })
  expect((await standing(3))?.damage).toMatchObject({ files: 800, lost: { length: 800 } })
  expect((await standing(8))?.damage).toMatchObject({ files: 800, lost: { length: 200 } })
})

it('of two runs at once, both are kept', async () => {
  await Promise.all([
    recordVerdict(store, STREAM, ALL, PLAIN_VAULT),
    recordVerdict(store, STREAM, ALL, PLAIN_VAULT),
    recordVerdict(store, STREAM, SAMPLE, PLAIN_VAULT),
  ])
  expect(await listVerdicts(store, STREAM)).toHaveLength(3)
})

describe('of one version, what stands', () => {
  it('is nothing, before it was verified', async () => {
    await record(ALL)
    expect(await standing(10)).toBeUndefined()
    expect(await standing(1)).toBeUndefined()
  })

  it('is the newest verdict, and when every byte was read', async () => {
    await record(SAMPLE, ALL, SAMPLE, SAMPLE)
    expect(await standing(5)).toMatchObject({
      newest: { number: 4, percent: 5 },
      wholeAt: new Date(Date.UTC(2026, 10, 2)),
      damage: undefined,
    })
  })

  it('is found with one LIST, whatever the number of versions and verdicts', async () => {
    await record(ALL, SAMPLE, SAMPLE, ALL)
    store.calls.length = 0
    await standingVerdicts(store, STREAM, [2, 3, 4, 5, 6, 7, 8, 9], VAULTS)
    expect(store.calls).toHaveLength(1)
  })

  it('is damage, however many smaller verdicts find none after it', async () => {
    await record({ ...ALL, damaged: lost('/a') }, SAMPLE, SAMPLE)
    expect((await standing(4))?.damage).toMatchObject({
      files: 1,
      lost: [{ path: '/a' }],
      at: new Date(Date.UTC(2026, 10, 1)),
    })
    expect((await standing(6))?.damage).toBeUndefined()
  })

  it('is damage although an older run read every byte and found none', async () => {
    await record(ALL, { ...SAMPLE, damaged: lost('/a') })
    expect((await standing(4))?.damage?.lost).toHaveLength(1)
  })

  it('is what several samples found together', async () => {
    await record(
      { ...SAMPLE, damaged: lost('/a') },
      { ...SAMPLE, damaged: lost('/a', '/b') },
      {
        ...SAMPLE,
        damaged: lost('/c'),
      },
    )
    const damage = (await standing(4))?.damage
    expect(damage?.lost.map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/c'])
    expect(damage?.files).toBe(3)
  })

  it('is sound again only after a later run has read every byte', async () => {
    await record({ ...SAMPLE, damaged: lost('/a') }, { ...ALL, from: 4 })
    expect((await standing(4))?.damage).toBeUndefined()
    expect((await standing(3))?.damage?.files).toBe(1)
  })

  it('is damage where the verdict that found it cannot be read any more', async () => {
    await record({ ...ALL, damaged: lost('/a') })
    for (const object of store.objects.values()) object.body = object.body.subarray(0, 50)
    expect((await standing(9))?.damage?.problem).toContain('cannot be read')
  })
})
