/** Brings volumes to a version: planned and checked before anything is written, then done between a dirty and a clean mark. */
import { HoldfastError } from '../../shared/errors.ts'
import type { Entry } from '../../shared/repository/entry.ts'
import { microseconds, rootOf } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { tableOf } from '../../shared/repository/entry-table.ts'
import { hasContent } from '../capture/guard.ts'
import type { Findings } from '../capture/scanner.ts'
import { Walker } from '../capture/scanner.ts'
import { ChunkSource } from '../restore/chunk-source.ts'
import { ObjectReader } from '../restore/object-reader.ts'
import { inspect } from '../restore/present.ts'
import type { RestorePlan } from '../restore/restore-plan.ts'
import { planRestore } from '../restore/restore-plan.ts'
import type { RestoreResult } from '../restore/restorer.ts'
import { runRestore } from '../restore/restorer.ts'
import { requireSpace } from '../restore/space.ts'
import { touchedEntries } from '../restore/touched-entries.ts'
import { displayPath, isWithin, locationOf } from '../volume/layout.ts'
import type { Layout, VolumeRoot } from '../volume/layout.ts'
import type { Context } from './context.ts'
import type { VersionState } from './version-state.ts'

export interface Rehydration {
  readonly target: VersionState
  readonly plan: RestorePlan
  /** Something that is there now would be overwritten or removed. */
  readonly losesContent: boolean
  /** There is nothing at all, neither here nor in the version: a fresh volume that has to stay empty. */
  readonly untouched: boolean
}

/** Files of the version are damaged or gone in the repository: the app is not let go on what is left. */
export class LostBytesError extends HoldfastError {}

/**
 * @param volumes those that are brought to the version; the others stay as they are.
 * @param trustTimes false after a half-done restore: everything is compared by content.
 * Throws `NoSpaceError` before anything is changed.
 */
export async function planRehydration(
  context: Context,
  target: VersionState,
  volumes: readonly VolumeRoot[],
  trustTimes: boolean,
): Promise<Rehydration> {
  const { layout } = context.state
  const touches = createTouches(layout, target, volumes)
  const entries = touchedEntries(tableOf(target.manifest.entries), touches)
  const { record } = target
  const scannedAt = trustTimes && record !== undefined ? new Date(record.scannedAt) : undefined
  const { clock } = context.patience
  const present = await inspect(layout, entries, {
    scannedAt,
    touches,
    clock,
    vault: target.vault,
    tools: context.state.tools,
  })
  refuseUnreadable(layout, present.findings)
  const plan = planRestore(entries, target.manifest.faults, present)
  requireSpace(layout, plan)
  const isEmpty = !present.hasContent && !hasContent(glances(entries))
  return { target, plan, losesContent: plan.losesContent, untouched: isEmpty }
}

function* glances(entries: EntryTable): Generator<Entry> {
  for (const row of entries.rows()) yield entries.glanceAt(row)
}

/** Only declared, not excluded paths of the volumes in question, as far as the version knows them. */
function createTouches(
  layout: Layout,
  target: VersionState,
  volumes: readonly VolumeRoot[],
): (name: string) => boolean {
  const all = volumes.length === layout.volumes.length
  return (name) => {
    const root = layout.roots[rootOf(name)]
    if (root === undefined || !target.roots.has(rootOf(name))) return false
    if (name.includes('/') && root.excludes(name.slice(name.indexOf('/') + 1))) return false
    return all || isOn(layout, locationOf(layout, name), volumes)
  }
}

function isOn(layout: Layout, location: string, volumes: readonly VolumeRoot[]): boolean {
  const holding = layout.volumes.filter(({ at }) => isWithin(location, at))
  const nearest = holding.toSorted((a, b) => b.at.length - a.at.length)[0]
  return nearest !== undefined && volumes.includes(nearest)
}

function refuseUnreadable(layout: Layout, { unreadable }: Findings): void {
  const [first] = unreadable
  if (first === undefined) return
  throw new HoldfastError(
    `${displayPath(layout.roots, first.name)} cannot be read (${first.why})${unreadable.length > 1 ? `, and ${unreadable.length - 1} more` : ''}: what cannot be saved is not overwritten; give the sidecar's user the right to read it`,
  )
}

/** Runs the plan. Throws `LostBytesError` when files of the version could not be brought back. */
export async function runRehydration(
  context: Context,
  { target, plan }: Rehydration,
): Promise<RestoreResult> {
  const { state, status, store, writer, patience } = context
  const reader = new ObjectReader(store, writer.log.stream, patience)
  const source = new ChunkSource(reader, target.vault)
  const label = target.version === 0 ? 'the empty state' : `v${target.version}`
  status.set({ phase: 'restoring', reason: `restoring ${label}` })
  let shown = -1
  const result = await runRestore(
    state.layout,
    plan,
    source,
    ({ bytesDone, bytes, filesDone, files }) => {
      const percent = Math.floor(
        bytes === 0 ? (filesDone / files) * 100 : (bytesDone / bytes) * 100,
      )
      if (percent === shown) return
      shown = percent
      status.set({ reason: `restoring ${label}: ${percent}% (${filesDone} of ${files} files)` })
    },
    state.tools,
  )
  const [first] = result.lost
  if (first !== undefined)
    throw new LostBytesError(
      `${result.lost.length} file(s) of ${label} cannot be brought back, the first is ${displayPath(state.layout.roots, first.name)}: ${first.why}`,
    )
  const [owned] = result.ownersLost
  if (owned !== undefined)
    status.set({
      note: `${result.ownersLost.length} entries of ${label} belong to users to whom this agent can give nothing, the first is ${displayPath(state.layout.roots, owned)}`,
    })
  const [attribute] = result.attributesLost
  if (attribute !== undefined)
    status.set({
      note: `${result.attributesLost.length} extended attributes of ${label} could not be given back, the first is ${attribute.attribute} of ${displayPath(state.layout.roots, attribute.name)}: ${attribute.why}`,
    })
  return result
}

/** The version's entries with what lstat says of them now: it was just written, so the next scan need not read it again. */
export async function asWritten(context: Context, target: VersionState): Promise<EntryTable> {
  const entries = tableOf(target.manifest.entries)
  const walker = new Walker(context.state.layout, {
    entry: (there) => {
      const entry = entries.get(there.name)
      const isSame =
        entry?.type === there.type &&
        microseconds(there.mtimeNs) === microseconds(entry.mtimeNs) &&
        (entry.type !== 'file' || entry.sizeBytes === there.sizeBytes)
      if (!isSame) return
      const { ctimeNs, inode, mtimeNs } = there
      entries.set({ ...entry, ctimeNs, inode, mtimeNs })
    },
  })
  await walker.walkAll()
  return entries
}
