/** A survey of what hints name makes the same version as a survey of everything, whatever happens to a tree. */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DirtyNames } from '../../../agent/capture/dirty-names.ts'
import type { Dirty, Hints } from '../../../agent/capture/directory-watcher.ts'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'
import type { Survey } from '../../../agent/capture/survey.ts'
import { surveyAll, surveyDirty } from '../../../agent/capture/survey.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { Entry } from '../../../shared/repository/entry.ts'
import { SeededRandom, runSeed } from '../../support/seeded-random.ts'
import { TempVolume, asOtherUser, isRoot } from './temp-volume.ts'

let volume: TempVolume
beforeEach(() => {
  volume = new TempVolume({ exclude: ['skipped', '**/skipped/**', '**/skipped'] })
  mkdirSync(volume.dir)
})
afterEach(() => volume.remove())

/** A history of the volume that is carried on from one survey to the next. */
class Track {
  readonly #history = new TempVolume({ sameAs: volume })

  constructor() {
    this.#history.clock = systemClock
  }

  /** Takes over what has changed; false where only a survey of everything could tell. */
  async follow(dirty: Dirty | 'all', hints?: Pick<Hints, 'cover' | 'uncover'>): Promise<boolean> {
    let part: Survey | undefined
    await this.#history.commit(undefined, async (layout, held, rest) => {
      const options = { ...rest, hints }
      if (dirty !== 'all') part = await surveyDirty(layout, held, dirty, options)
      return part ?? surveyAll(layout, held, options)
    })
    return part !== undefined
  }

  /** All that the version says, wherever its bytes lie. */
  says(): unknown {
    const { entries, counts, hasContent, faults } = this.#history.held
    return {
      entries: new Map([...entries].map(([name, entry]) => [name, placeless(entry)])),
      counts,
      hasContent,
      faults: faults.map(({ name, kind }) => `${kind} ${name}`).toSorted(),
    }
  }
}

/** Without where its bytes lie, and when it was told apart from an earlier one that says the same. */
function placeless(entry: Entry): object {
  if (entry.type !== 'file') return { ...entry, ctimeNs: 0n }
  return { ...entry, chunks: entry.chunks.map((chunk) => ('id' in chunk ? chunk.id : chunk)) }
}

/** What an exact watcher would have marked. */
type Mark = (location: string) => void

const write = (at: string) => writeFileSync(at, `text ${at.length}`)
const move = (at: string, _n: number, to: string) => renameSync(at, to)
/** `n` is a random number below 1000. */
const changes: [Change, ...Change[]] = [
  (at) => mkdirSync(at),
  (at) => mkdirSync(at),
  (at, n) => writeFileSync(at, `text ${n}`),
  write,
  (at) => appendFileSync(at, 'more'),
  move,
  move,
  (at, n) => chmodSync(at, [0o700, 0o755, 0o640][n % 3] ?? 0),
  // To what is not there, so that nothing is written through it.
  (at, n) => symlinkSync(`/not there/${n % 10}`, at),
  (at, n) => utimesSync(at, 1_000_000, n),
  (at, n) => n % 2 === 0 && rmSync(at, { recursive: true }),
]
const changesWithLinks: typeof changes = [...changes, (at, _n, to) => linkSync(at, to)]
type Change = (at: string, n: number, to: string) => unknown

/** One random change; the few names make the same paths come and go, as files and as directories. */
function change(random: SeededRandom, mark: Mark, of = changesWithLinks): void {
  const directories = [volume.dir, ...directoriesIn(volume.dir)] as [string, ...string[]]
  const place = () => `${random.pick(directories)}/${random.pick(['a', 'b', 'c', 'skipped'])}`
  const [at, to] = [place(), place()]
  for (const location of [at, to, ...namesBelow(at)]) mark(location)
  try {
    random.pick(of)(at, random.below(1000), to)
  } catch {
    // What cannot be done on this tree is no change.
  }
}

function namesBelow(location: string): string[] {
  if (lstatSync(location, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(location, { recursive: true, encoding: 'utf8' }).map(
    (name) => `${location}/${name}`,
  )
}

function directoriesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .toSorted()
}

it.each([
  ['mostly without a look at the rest', changes, 0.5],
  ['hard links or not', changesWithLinks, 0],
])(
  'by exact hints: the same entries, counts and faults after each step, %s',
  async (_what, of, share) => {
    const random = new SeededRandom(runSeed('partial surveys'))
    const [part, whole] = [new Track(), new Track()]
    const marks = new DirtyNames()
    let partial = 0
    const rounds = 200
    for (let round = 0; round < rounds; round += 1) {
      const mark: Mark = (location) => marks.mark(path.dirname(location), path.basename(location))
      for (let n = random.below(6); n >= 0; n -= 1) change(random, mark, of)
      if (random.below(10) === 0)
        marks.markAll(random.pick([volume.dir, ...directoriesIn(volume.dir)]))
      if (await part.follow(marks.take())) partial += 1
      await whole.follow('all')
      expect(part.says(), `round ${round}`).toEqual(whole.says())
    }
    expect(partial).toBeGreaterThanOrEqual(rounds * share)
  },
)

/** Resolves when the hints that came have told `part` all that a look at everything finds now. */
async function saysAll(part: Track, hints: Hints): Promise<void> {
  const whole = new Track()
  await whole.follow('all')
  await vi.waitFor(
    async () => {
      await part.follow(hints.take(), hints)
      expect(part.says()).toEqual(whole.says())
    },
    { timeout: 30_000, interval: 1 },
  )
}

it('by the hints of the real watcher, with looks that fall between the changes', async () => {
  const random = new SeededRandom(runSeed('partial surveys by a watcher'))
  const hints = watchDirectories((why) => expect.unreachable(why))
  const part = new Track()
  for (let round = 0; round < 60; round += 1) {
    for (let n = random.below(12); n >= 0; n -= 1) {
      change(random, () => undefined)
      if (random.below(8) === 0) await part.follow(hints.take(), hints)
      if (random.below(8) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await saysAll(part, hints)
  }
  await hints.close()
})

const named = (directory: string, name: string): Dirty => new Map([[directory, new Set([name])]])

describe('what hints cannot tell is found all the same', () => {
  it('a directory that may be listed no more, and again: what lies in it is stale, and no longer so', async () => {
    mkdirSync(volume.at('d'))
    writeFileSync(volume.at('d/in'), 'text')
    const [part, whole] = [new Track(), new Track()]
    for (const track of [part, whole]) await track.follow('all')
    for (const mode of [isRoot ? 0o700 : 0, 0o755]) {
      chmodSync(volume.at('d'), mode)
      await asOtherUser(async () => {
        await part.follow(named(volume.dir, 'd'))
        await whole.follow('all')
      })
      expect(part.says()).toEqual(whole.says())
    }
    expect(part.says()).toMatchObject({ faults: [] })
  })

  it('hard links: one that goes, one that comes, and the other names of what was written', async () => {
    writeFileSync(volume.at('a'), 'text')
    linkSync(volume.at('a'), volume.at('b'))
    const [part, whole] = [new Track(), new Track()]
    for (const track of [part, whole]) await track.follow('all')
    const steps: [string, () => void][] = [
      ['b', () => appendFileSync(volume.at('b'), 'more')],
      ['c', () => linkSync(volume.at('a'), volume.at('c'))],
      ['a', () => rmSync(volume.at('a'))],
      ['b', () => rmSync(volume.at('b'))],
    ]
    for (const [name, step] of steps) {
      step()
      await part.follow(named(volume.dir, name))
      await whole.follow('all')
      expect(part.says()).toEqual(whole.says())
    }
  })

  it('a directory that was elsewhere for a while is watched again where it came back', async () => {
    mkdirSync(volume.at('d'))
    const covered: string[] = []
    const hints = { cover: (at: string) => covered.push(at), uncover: () => undefined }
    const part = new Track()
    await part.follow('all', hints)
    covered.length = 0
    expect(await part.follow(named(volume.dir, 'd'), hints)).toBe(true)
    expect(covered).toContain(volume.at('d'))
  })
})

const makeDirectory = (name: string) => () => mkdirSync(volume.at(name), { recursive: true })
const makeFile = (name: string) => () => writeFileSync(volume.at(name), 'text')

describe('a declared path that is not there at first is seen as soon as it is', () => {
  it.each<[what: string, declared: string, steps: (() => void)[]]>([
    ['a file', 'file', [makeFile('file')]],
    ['a directory, and what is made in it', 'a', [makeDirectory('a'), makeFile('a/file')]],
    ['what lies deep', 'a/b/c', [makeDirectory('a'), makeDirectory('a/b'), makeFile('a/b/c')]],
    ['a tree that comes at once', 'a/b', [makeDirectory('a/b/c')]],
    [
      'one that has gone, and comes again',
      'a/b',
      [
        makeDirectory('a/b'),
        () => rmSync(volume.at('a'), { recursive: true }),
        makeDirectory('a/b'),
      ],
    ],
  ])('%s', async (_what, declared, steps) => {
    volume.remove()
    volume = new TempVolume({ declared })
    mkdirSync(volume.dir)
    const hints = watchDirectories((why) => expect.unreachable(why))
    const part = new Track()
    await part.follow(hints.take(), hints)
    for (const step of steps) {
      step()
      await saysAll(part, hints)
    }
    await hints.close()
  })
})
