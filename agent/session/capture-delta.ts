/** What a version's manifest tells: the state after a capture, as far as a delta's base does not have it. */
import type { Entry, Fault } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { ManifestDelta } from '../../shared/repository/manifest.ts'
import type { Capture } from '../capture/archiver.ts'

/** @param names that changed since the delta's base; the entries are those after the capture. */
export function deltaAfter(
  held: EntryTable,
  { changed, gone, faults }: Capture,
  names: ReadonlySet<string> | 'all',
): ManifestDelta {
  if (names === 'all') return { changed: allAfter(held, changed, gone), gone: [], faults }
  const isThere = (name: string) => !gone.has(name) && (changed.has(name) || held.has(name))
  const entryAfter = (name: string) =>
    gone.has(name) ? undefined : (changed.get(name) ?? held.get(name))
  return {
    changed: inOrder(names, entryAfter),
    gone: [...names].filter((name) => !isThere(name)),
    faults,
  }
}

/** The entries of these names that are there, one at a time: they may be many. */
function* inOrder(
  names: ReadonlySet<string>,
  entryOf: (name: string) => Entry | undefined,
): Generator<Entry> {
  for (const name of [...names].toSorted()) {
    const entry = entryOf(name)
    if (entry !== undefined) yield entry
  }
}

/** All entries after a capture, one at a time. */
function* allAfter(
  held: EntryTable,
  changed: EntryTable,
  gone: ReadonlySet<string>,
): Generator<Entry> {
  for (const row of held.rows()) {
    const name = held.nameAt(row)
    if (!gone.has(name) && !changed.has(name)) yield held.at(row)
  }
  yield* changed.values()
}

/** The names that a capture changes; a set of them is made only where it is short. */
export class ChangedNames implements Iterable<string> {
  readonly size: number
  readonly #capture: Capture

  constructor(capture: Capture) {
    this.#capture = capture
    this.size = capture.changed.size + capture.gone.size
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.#capture.changed.keys()
    yield* this.#capture.gone
  }
}

/** In whatever order. */
export function sameFaults(a: readonly Fault[], b: readonly Fault[]): boolean {
  return a.length === b.length && faultsText(a) === faultsText(b)
}

function faultsText(faults: readonly Fault[]): string {
  const lines = faults.map(({ name, kind, why }) => `${kind} ${name} ${why}`)
  return lines.toSorted().join('\n')
}
