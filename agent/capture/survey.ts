/**
 * Looks at the volume and plans the next version: at all of it, or only at what hints say may have changed. A survey
 * of a part gives the same plan as one of the whole, or none where only the whole can tell (hard links, foreign owners).
 */
import path from 'node:path'
import type { Entry, Fault } from '../../shared/repository/entry.ts'
import { parentName } from '../../shared/repository/entry.ts'
import { isAtOrBelow } from '../../shared/repository/names-below.ts'
import type { Layout } from '../volume/layout.ts'
import { SQLITE_SIDE_FILES, isWithin, locationOf } from '../volume/layout.ts'
import type { Dirty, Hints } from './directory-watcher.ts'
import type { HeldVersion } from './held-version.ts'
import { OwnerTally } from './owners.ts'
import type { Findings, ScannedEntry } from './scanner.ts'
import { Walker } from './scanner.ts'
import type { SnapshotPlan } from './snapshot-plan.ts'
import { SnapshotPlanner } from './snapshot-plan.ts'
import { identityAt } from './watched-place.ts'

export interface Survey {
  readonly plan: SnapshotPlan
  readonly findings: Findings
}

export interface SurveyOptions {
  /** Files that a look at their times proves nothing about. */
  readonly doubtful: ReadonlySet<string>
  /** Told of each directory before it is listed, and of what has gone. */
  readonly hints: Pick<Hints, 'cover' | 'uncover'> | undefined
  /** Who asks: what other users own, nobody but root can give back. */
  readonly uid: number
}

export async function surveyAll(
  layout: Layout,
  held: HeldVersion,
  { doubtful, hints, uid }: SurveyOptions,
): Promise<Survey> {
  for (const { at } of layout.roots) coverAbove(at, hints)
  const planner = new SnapshotPlanner(held.entries, doubtful)
  const owners = new OwnerTally(uid)
  const walker = new Walker(
    layout,
    {
      entry: (entry) => {
        planner.add(entry)
        owners.add(entry)
      },
      directory: (location) => hints?.cover(location),
    },
    (name) => held.entries.glance(name),
  )
  await walker.walkAll()
  const { findings } = walker
  return { plan: planner.end(findings, held.entries.rows(), owners.faults()), findings }
}

/**
 * A declared path that is no directory, or is not there (yet), is seen through the nearest directory above it. To be
 * called before anybody looks at the path: it may come to be at any moment.
 */
function coverAbove(at: string, hints: SurveyOptions['hints']): void {
  if (hints === undefined || isDirectory(at)) return
  for (let nearest = directoryAbove(at), covered = ''; nearest !== covered;) {
    covered = nearest
    hints.cover(covered)
    nearest = directoryAbove(at) // one that came to be meanwhile
  }
}

function directoryAbove(at: string): string {
  let above = path.dirname(at)
  while (!isDirectory(above) && above !== path.dirname(above)) above = path.dirname(above)
  return above
}

function isDirectory(location: string): boolean {
  return typeof identityAt(location) === 'object'
}

/** Undefined: only a survey of the whole can tell. */
export async function surveyDirty(
  layout: Layout,
  held: HeldVersion,
  dirty: Dirty,
  options: SurveyOptions,
): Promise<Survey | undefined> {
  const part = new PartialSurvey(layout, held, options)
  // Directories before what lies in them: one that is new is walked as a whole.
  for (const location of [...dirty.keys()].toSorted())
    await part.lookInto(location, dirty.get(location) ?? 'all')
  for (const name of options.doubtful) await part.look(name)
  return part.end()
}

class PartialSurvey {
  readonly #layout: Layout
  readonly #held: HeldVersion
  readonly #options: SurveyOptions
  readonly #planner: SnapshotPlanner
  readonly #walker: Walker
  readonly #looked = new Set<string>()
  /** Everything held below these was looked at, or has gone. */
  readonly #tops = new Set<string>()
  /** Roots of volumes: they belong to whoever mounted them. */
  readonly #marked = new Set<string>()
  #needsAll = false

  constructor(layout: Layout, held: HeldVersion, options: SurveyOptions) {
    this.#layout = layout
    this.#held = held
    this.#options = options
    this.#planner = new SnapshotPlanner(held.entries, options.doubtful)
    this.#walker = new Walker(
      layout,
      {
        entry: (entry) => {
          this.#add(entry)
        },
        directory: (location) => options.hints?.cover(location),
      },
      (name) => held.entries.glance(name),
    )
  }

  /** @param names of entries in a directory; every one of them has to be looked at. */
  async lookInto(location: string, names: ReadonlySet<string> | 'all'): Promise<void> {
    for (const [index, root] of this.#layout.roots.entries()) {
      const name = String(index)
      if (isWithin(location, root.at))
        await this.#lookAtNames(name + location.slice(root.at.length), names)
      else if (isWithin(root.at, location) && mayConcern(root.at, location, names))
        await this.look(name)
    }
  }

  async #lookAtNames(directory: string, names: ReadonlySet<string> | 'all'): Promise<void> {
    if (!this.#isReached(directory)) return
    await this.look(directory)
    if (this.#tops.has(directory) || isAtOrBelow(directory, this.#tops)) return
    if (names !== 'all') {
      for (const base of names) await this.look(`${directory}/${base}`)
      return
    }
    const there = this.#walker.list(directory, locationOf(this.#layout, directory)) ?? []
    for (const base of there) await this.look(`${directory}/${base}`)
    for (const name of this.#held.entries.namesIn(directory)) await this.look(name)
  }

  /** An entry by name, and where it is a directory that was not there before, or is no more, all below it. */
  async look(name: string): Promise<void> {
    if (this.#looked.has(name) || isAtOrBelow(name, this.#tops)) return
    this.#looked.add(name)
    if (name.includes('/') && !this.#walker.isState(name)) return
    const database = this.#walker.databaseOf(name)
    if (database !== undefined) return this.look(database)
    const before = this.#held.entries.glance(name)
    const entry = this.#entryAt(name)
    if (wasDatabase(before) !== (entry?.database === true)) await this.#lookBeside(name)
    if (entry?.type === 'directory') return this.#lookAtDirectory(entry, before)
    if (before?.type === 'directory') {
      this.#options.hints?.uncover(locationOf(this.#layout, name))
      this.#tops.add(name)
    }
    if (entry !== undefined) this.#add(entry)
  }

  #entryAt(name: string): ScannedEntry | undefined {
    if (!name.includes('/')) coverAbove(locationOf(this.#layout, name), this.#options.hints)
    return this.#walker.look(name)
  }

  async #lookAtDirectory(entry: ScannedEntry, before: Entry | undefined): Promise<void> {
    const { name, inode } = entry
    const { hints } = this.#options
    const location = locationOf(this.#layout, name)
    if (this.#mayShowMore(entry, before)) this.#needsAll = true
    if (before?.type === 'directory' && before.inode === inode) {
      hints?.cover(location) // the watch ended if it was elsewhere in the meantime
      return this.#add(entry)
    }
    hints?.uncover(location)
    this.#tops.add(name)
    await this.#walker.walk(name)
  }

  /** What was part of a database is a file of its own now, or the other way round. */
  async #lookBeside(name: string): Promise<void> {
    if (name.includes('/')) for (const suffix of SQLITE_SIDE_FILES) await this.look(name + suffix)
  }

  end(): Survey | undefined {
    const { entries } = this.#held
    const rows = new Set(entries.rowsBelow(this.#tops))
    for (const name of this.#looked) {
      const row = entries.rowOf(name)
      if (row !== undefined) rows.add(row)
    }
    for (const row of rows) this.#consider(entries.nameAt(row), entries.glanceAt(row).uid)
    const { findings } = this.#walker
    if (this.#needsAll || findings.unreadable.length > 0) return undefined
    const plan = this.#planner.end(findings, rows, this.#faultsElsewhere())
    return this.#isRooted(plan) ? { plan, findings } : undefined
  }

  #add(entry: ScannedEntry): void {
    if (entry.type === 'file' && entry.links > 1) this.#needsAll = true
    if (entry.marked === true) this.#marked.add(entry.name)
    this.#consider(entry.name, entry.uid)
    this.#planner.add(entry)
  }

  /** Which names an inode has, and what belongs to others, is known of the whole only. */
  #consider(name: string, uid: number): void {
    if (this.#held.links.has(name) || this.#held.isLinked(name)) this.#needsAll = true
    const isForeign = this.#options.uid !== 0 && uid !== this.#options.uid
    if (isForeign && !this.#marked.has(name)) this.#needsAll = true
  }

  /** No hint tells of what lies in a directory that may be read now, or no more. */
  #mayShowMore({ name, mode, uid, gid }: ScannedEntry, before: Entry | undefined): boolean {
    if (
      before?.type === 'directory' &&
      (mode !== before.mode || uid !== before.uid || gid !== before.gid)
    )
      return true
    return this.#held.faults.some((fault) => fault.kind === 'unreadable' && fault.name === name)
  }

  /** A walk never comes to what lies below something excluded. */
  #isReached(name: string): boolean {
    for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1))
      if (name.slice(0, end).includes('/') && !this.#walker.isState(name.slice(0, end)))
        return false
    return !name.includes('/') || this.#walker.isState(name)
  }

  /** No entry without its directory: where hints told of one and not of the other, all is looked at. */
  #isRooted(plan: SnapshotPlan): boolean {
    for (const row of plan.changed.rows()) {
      const parent = parentName(plan.changed.nameAt(row))
      if (parent === undefined) continue
      const there = plan.changed.glance(parent) ?? this.#held.entries.glance(parent)
      if (there?.type !== 'directory' || plan.gone.has(parent)) return false
    }
    return true
  }

  /** What the held version says of names that were not looked at. */
  #faultsElsewhere(): Fault[] {
    return this.#held.faults.filter(
      ({ name, kind }) =>
        kind === 'notRestorable' || !(this.#looked.has(name) || isAtOrBelow(name, this.#tops)),
    )
  }
}

function wasDatabase(before: Entry | undefined): boolean {
  return before?.type === 'file' && before.database === true
}

/**
 * Do these names of a directory lead to a declared path below it? The directory may have many others. A database's log and
 * journal are part of it.
 */
function mayConcern(at: string, directory: string, names: ReadonlySet<string> | 'all'): boolean {
  if (names === 'all') return true
  const [next = '', ...further] = path.relative(directory, at).split('/')
  if (names.has(next)) return true
  return further.length === 0 && SQLITE_SIDE_FILES.some((suffix) => names.has(next + suffix))
}
