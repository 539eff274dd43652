/**
 * One stream, from its log to its packs:
 *
 *   records (headers, keys, the state each carries) → manifests (hash, shape, tree) → packs (each read once, every chunk
 *   rehashed) → which files of which versions are lost
 *
 * Memory: one composed manifest per link of the current delta chain, the places of all chunks, and two packs.
 */
import { CorruptObjectError, NotFoundError } from '../shared/errors.ts'
import type { Entry, FileEntry } from '../shared/repository/entry.ts'
import { isHole } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { versionKey } from '../shared/repository/object-keys.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { displayPath } from '../agent/volume/layout.ts'
import { listLog } from './log-listing.ts'
import { ManifestWalk } from './manifest-walk.ts'
import type { StreamInRepository } from './repository.ts'
import type { Terminal } from './terminal.ts'
import { formatBytes } from './text/sizes.ts'
import { checkLog } from './verify-log.ts'
import { checkOtherObjects } from './verify-objects.ts'
import { ChunkPlaces, placeOf } from './verify-packs.ts'

export interface DamagedVersion {
  readonly version: number
  /** Why nothing of it can be read; undefined when only the files in `lost` cannot. */
  readonly problem: string | undefined
  readonly lost: readonly { readonly path: string; readonly why: string }[]
}

export interface StreamResult {
  readonly stream: string
  readonly versions: number
  readonly records: number
  readonly packs: number
  readonly readBytes: number
  /** Faults of the log, of tags and of packs' headers. */
  readonly problems: readonly string[]
  readonly damaged: readonly DamagedVersion[]
  /** Objects that nothing refers to: left by crashes, or by others. */
  readonly unreferenced: readonly string[]
}

/** @param only check this version alone, and what it refers to. */
export async function verifyStream(
  from: StreamInRepository,
  only: number | undefined,
  terminal: Terminal,
): Promise<StreamResult> {
  const { store, log } = from
  const stream = formatStreamName(log.stream)
  const listing = await listLog(store, log.stream)
  const wanted =
    only === undefined ? listing.numbers : listing.numbers.filter(({ n }) => n === only)
  const places = new ChunkPlaces()
  const walk = new ManifestWalk(from)
  const whole = new Map<number, string>()
  const versions: VersionRecord[] = []
  let malformed = false
  const checked = checkLog(from, wanted, only === undefined)
  for await (const { n, record, problem, object } of checked.objects) {
    terminal.progress(`verifying ${stream}: record v${n} of v${listing.numbers[0]?.n}`)
    if (problem !== undefined) whole.set(n, problem)
    if (record?.kind !== 'version') continue
    versions.push(record)
    try {
      const { delta, entries } = await walk.step(record, object)
      malformed ||= delta.changed.some((entry) => sizeProblem(entry) !== undefined)
      places.add(only === undefined ? delta.changed : entries.values())
    } catch (error) {
      whole.set(n, damageOf(error))
    }
  }
  const packs = await places.check(from, (read, bytes) => {
    terminal.progress(
      `verifying ${stream}: ${read} of ${places.size} packs, ${formatBytes(bytes)} read`,
    )
  })
  const others =
    only === undefined
      ? await checkOtherObjects(from, versions, places)
      : { problems: [], unreferenced: [] }
  const strays = listing.strays.map((key) => `object ${key} is no record, and stands in the log`)
  return {
    stream,
    versions: versions.length,
    records: wanted.length,
    packs: places.size,
    readBytes: packs.readBytes,
    problems: [...strays, ...checked.problems, ...packs.problems, ...others.problems],
    damaged: [
      ...wholeVersions(from, whole),
      ...(malformed || packs.bad.size > 0
        ? await versionsWithLosses(from, versions, whole, packs.bad)
        : []),
    ].toSorted((a, b) => a.version - b.version),
    unreferenced: others.unreferenced,
  }
}

/** The sentence of an error that says that something is damaged or gone; any other error ends the command. */
function damageOf(error: unknown): string {
  if (error instanceof CorruptObjectError || error instanceof NotFoundError) return error.message
  throw error
}

function wholeVersions(
  from: StreamInRepository,
  whole: ReadonlyMap<number, string>,
): DamagedVersion[] {
  return [...whole].map(([version, problem]) => ({
    version,
    problem: explain(from, version, problem),
    lost: [],
  }))
}

/** Goes over all manifests once more: which of their files need what is damaged. */
async function versionsWithLosses(
  from: StreamInRepository,
  versions: readonly VersionRecord[],
  whole: ReadonlyMap<number, string>,
  bad: ReadonlyMap<string, string>,
): Promise<DamagedVersion[]> {
  const damaged: DamagedVersion[] = []
  const walk = new ManifestWalk(from)
  for (const record of versions) {
    if (whole.has(record.n)) continue
    const { entries } = await walk.step(record)
    const lost = lostFiles(record, entries, bad)
    if (lost.length > 0) damaged.push({ version: record.n, problem: undefined, lost })
  }
  return damaged
}

/** A damaged base costs all versions that are told against it: the object at fault is named in each. */
function explain({ log }: StreamInRepository, version: number, problem: string): string {
  return problem.includes(versionKey(log.stream, version))
    ? problem
    : `it needs another: ${problem}`
}

function lostFiles(
  record: VersionRecord,
  entries: ReadonlyMap<string, Entry>,
  bad: ReadonlyMap<string, string>,
): { path: string; why: string }[] {
  return [...entries.values()].flatMap((entry) => {
    const why = entry.type === 'file' ? whyLost(entry, bad) : undefined
    return why === undefined ? [] : { path: displayPath(record.roots, entry.name), why }
  })
}

function whyLost(entry: FileEntry, bad: ReadonlyMap<string, string>): string | undefined {
  for (const chunk of entry.chunks) {
    const why = isHole(chunk) ? undefined : bad.get(placeOf(chunk))
    if (why !== undefined) return why
  }
  return sizeProblem(entry)
}

function sizeProblem(entry: Entry): string | undefined {
  if (entry.type !== 'file') return undefined
  const bytes = entry.chunks.reduce(
    (sum, chunk) => sum + (isHole(chunk) ? chunk.hole : chunk.lengthBytes),
    0,
  )
  if (bytes === entry.sizeBytes) return undefined
  return `its chunks have ${bytes} bytes, the file is said to have ${entry.sizeBytes}`
}
