import type { Stats } from 'node:fs'
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, vi } from 'vitest'
import type { Hints } from '../../../agent/capture/directory-watcher.ts'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'
import { SeededRandom, runSeed } from '../../support/seeded-random.ts'

/** What is known of a tree by hints alone: it looks at what may have changed, and at nothing else. */
class View {
  readonly known = new Map<string, string>()
  readonly #hints: Hints

  constructor(hints: Hints) {
    this.#hints = hints
  }

  look(root: string): void {
    const dirty = this.#hints.take()
    if (dirty === 'all') return this.#list(root, true)
    for (const [directory, names] of dirty)
      if (names === 'all') this.#list(directory, false)
      else if (this.#isDirectory(directory))
        for (const name of names) this.#see(`${directory}/${name}`)
  }

  #list(directory: string, whole: boolean): void {
    if (!this.#isDirectory(directory)) return
    this.#hints.cover(directory)
    const names = readdirSync(directory)
    for (const held of this.#childrenOf(directory))
      if (!names.includes(path.basename(held))) this.#forget(held)
    for (const name of names) this.#see(`${directory}/${name}`, whole)
  }

  #see(location: string, whole = false): void {
    const stat = lstatSync(location, { throwIfNoEntry: false })
    const held = this.known.get(location)
    if (stat === undefined || (held !== undefined && held.slice(0, 9) !== kindOf(stat)))
      this.#forget(location)
    if (stat === undefined) return
    const isNew = !this.known.has(location)
    this.known.set(location, told(stat))
    if (stat.isDirectory() && (isNew || whole)) this.#list(location, whole)
  }

  #forget(location: string): void {
    this.#hints.uncover(location)
    for (const held of this.known.keys())
      if (held === location || held.startsWith(`${location}/`)) this.known.delete(held)
  }

  #childrenOf(directory: string): string[] {
    return [...this.known.keys()].filter((held) => path.dirname(held) === directory)
  }

  #isDirectory(location: string): boolean {
    try {
      return lstatSync(location).isDirectory()
    } catch {
      return false // one above it may be a file by now
    }
  }
}

function kindOf(stat: Stats): string {
  return stat.isDirectory() ? 'directory' : 'file     '
}

/** A directory by its number only: what is in it is told by what is in it. */
function told(stat: Stats): string {
  return stat.isDirectory()
    ? `directory ${stat.ino}`
    : `file      ${stat.ino} ${stat.size} ${stat.mtimeMs}`
}

function truth(root: string): Map<string, string> {
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return new Map(
    all.map((name) => {
      const location = `${root}/${name}`
      return [location, told(lstatSync(location))]
    }),
  )
}

/** One random change; the few names make the same paths come and go, as files and as directories. */
function change(random: SeededRandom, root: string): void {
  const directories = [root, ...directoriesIn(root)] as [string, ...string[]]
  const place = () => `${random.pick(directories)}/${random.pick(['a', 'b', 'c'])}`
  const [from, to] = [place(), place()]
  try {
    switch (random.below(6)) {
      case 0:
      case 1:
        mkdirSync(from)
        break
      case 2:
        writeFileSync(from, '')
        break
      case 3:
        appendFileSync(from, 'more')
        break
      case 4:
        renameSync(from, to)
        break
      default:
        if (random.below(3) === 0) rmSync(from, { recursive: true })
    }
  } catch {
    // What cannot be done on this tree is no change.
  }
}

function directoriesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .toSorted()
}

it('tells all that happens to a tree in which directories come, go, move and replace each other', async () => {
  const random = new SeededRandom(runSeed('directory watcher'))
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'watched-')))
  const hints = watchDirectories((why) => expect.unreachable(why))
  const view = new View(hints)
  view.look(root)
  for (let round = 0; round < 100; round += 1) {
    for (let n = random.below(12); n >= 0; n -= 1) {
      change(random, root)
      // The looks fall between the changes, as they do beside a living app.
      if (random.below(8) === 0) view.look(root)
      if (random.below(8) === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(
      () => {
        view.look(root)
        expect(view.known).toEqual(truth(root))
      },
      { timeout: 30_000, interval: 1 },
    )
    expect(hints.watches).toBe(directoriesIn(root).length + 1)
  }
  await hints.close()
  rmSync(root, { recursive: true })
})
