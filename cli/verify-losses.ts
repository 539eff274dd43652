/** From what is damaged to what it costs: goes over the manifests once more, and names the files of each version that need it. */
import { isDeepStrictEqual } from 'node:util'
import { CorruptObjectError, NotFoundError } from '../shared/errors.ts'
import type { Entry } from '../shared/repository/entry.ts'
import { isHole } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import type { DamagedVersions } from '../shared/repository/verdict.ts'
import { displayPath } from '../agent/volume/layout.ts'
import type { WalkStep } from './manifest-walk.ts'
import { ManifestWalk } from './manifest-walk.ts'
import type { StreamInRepository } from './repository.ts'
import type { ChunkTable } from './verify-table.ts'

/** What one version has lost. */
export interface VersionLoss {
  readonly version: number
  /** Why nothing of it can be read; null when only the files in `lost` cannot. */
  readonly problem: string | null
  readonly lost: readonly { readonly path: string; readonly why: string }[]
}

export interface Losses {
  /** A line for each version that was asked about, also for those that have lost nothing. */
  readonly versions: readonly VersionLoss[]
  /** Damaged chunks that these versions need. */
  readonly needed: ReadonlySet<number>
}

/** Names of lost files, and why. */
type Lost = ReadonlyMap<string, string>

/** @param records of versions whose manifests were all read before, oldest first. */
export async function findLosses(
  from: StreamInRepository,
  records: readonly VersionRecord[],
  table: ChunkTable,
  bad: ReadonlyMap<number, string>,
): Promise<Losses> {
  const needed = new Set<number>()
  const versions: VersionLoss[] = []
  const walk = new ManifestWalk(from)
  const lostOf = new Map<number, Lost>()
  const whyLost = (entry: Entry) => lossOf(entry, table, bad, needed)
  const files = listOnce()
  for (const record of records)
    try {
      const lost = lostIn(await walk.step(record), lostOf.get(record.manifest.base), whyLost)
      lostOf.set(record.n, lost)
      versions.push({ version: record.n, problem: null, lost: files(record, lost) })
    } catch (error) {
      const problem = damageOf(error)
      // Retention may have removed it since it was listed, and then it has lost nothing.
      if (await isThere(from, record.n)) versions.push({ version: record.n, problem, lost: [] })
    }
  return { versions, needed }
}

/** The sentence of an error that says that something is damaged or gone; any other error ends the command. */
export function damageOf(error: unknown): string {
  if (error instanceof CorruptObjectError || error instanceof NotFoundError) return error.message
  throw error
}

async function isThere({ log }: StreamInRepository, n: number): Promise<boolean> {
  const [found] = await log.numbers({ below: n + 1, limit: 1 })
  return found?.n === n
}

/** Lost files by their paths; versions in a row that have lost the same share one list. */
function listOnce(): (record: VersionRecord, lost: Lost) => VersionLoss['lost'] {
  let last: { roots: string; lost: Lost; files: VersionLoss['lost'] } | undefined
  return (record, lost) => {
    const roots = JSON.stringify(record.roots)
    if (last?.lost !== lost || last.roots !== roots) {
      const files = [...lost].map(([name, why]) => ({ path: displayPath(record.roots, name), why }))
      last = { roots, lost, files }
    }
    return last.files
  }
}

/** A delta costs what it has; only a base that was not looked at makes all entries be gone over. */
function lostIn(
  { changed, entries }: WalkStep,
  base: Lost | undefined,
  whyLost: (entry: Entry) => string | undefined,
): Lost {
  const changes = new Map<string, string | undefined>()
  for (const name of base?.keys() ?? []) if (!entries.has(name)) changes.set(name, undefined)
  for (const entry of base === undefined ? entries.values() : changed) {
    const why = whyLost(entry)
    if (why !== undefined || base?.has(entry.name) === true) changes.set(entry.name, why)
  }
  if (base !== undefined && changes.size === 0) return base
  const lost = new Map(base)
  for (const [name, why] of changes)
    if (why === undefined) lost.delete(name)
    else lost.set(name, why)
  return lost
}

function lossOf(
  entry: Entry,
  table: ChunkTable,
  bad: ReadonlyMap<number, string>,
  needed: Set<number>,
): string | undefined {
  if (entry.type !== 'file') return undefined
  let found: string | undefined
  for (const chunk of entry.chunks) {
    const number = isHole(chunk) ? undefined : table.find(chunk)
    const why = number === undefined ? undefined : bad.get(number)
    if (number === undefined || why === undefined) continue
    needed.add(number)
    found ??= why
  }
  return found
}

/** Versions in a row that have lost the same, as one: a pack that is lost costs every version that refers to it. */
export function inRuns(losses: readonly VersionLoss[]): DamagedVersions[] {
  const runs: DamagedVersions[] = []
  let before: VersionLoss | undefined
  for (const loss of losses.toSorted((a, b) => a.version - b.version)) {
    const { version, problem, lost } = loss
    const run = runs.at(-1)
    if (run !== undefined && before !== undefined && isSame(before, loss)) run.to = version
    else if (problem !== null || lost.length > 0)
      runs.push({ from: version, to: version, problem, files: lost.length, lost: [...lost] })
    before = problem === null && lost.length === 0 ? undefined : loss
  }
  return runs
}

function isSame(a: VersionLoss, b: VersionLoss): boolean {
  return a.problem === b.problem && (a.lost === b.lost || isDeepStrictEqual(a.lost, b.lost))
}
