/** A look at the directory and at the head of its stream before anything is written to either. */
import { hasContent, whyNotCommit } from '../agent/capture/guard.ts'
import { sameRoots } from '../agent/capture/remap-roots.ts'
import type { Scan } from '../agent/capture/scanner.ts'
import { doubtfulSinceNs } from '../agent/capture/doubt.ts'
import { planSnapshot } from '../agent/capture/snapshot-plan.ts'
import { inspect } from '../agent/restore/present.ts'
import type { Context } from '../agent/session/context.ts'
import type { LogView } from '../agent/session/log-writer.ts'
import type { VersionState } from '../agent/session/version-state.ts'
import { loadVersionState } from '../agent/session/version-state.ts'
import { HoldfastError } from '../shared/errors.ts'
import type { Fault } from '../shared/repository/entry.ts'
import { sameContent } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'

export interface Preview {
  readonly view: LogView
  /** The newest version of the main line; undefined for none. */
  readonly record: VersionRecord | undefined
  readonly faults: readonly Fault[]
  /** The directory holds exactly that version. */
  readonly unchanged: boolean
  /** The version was made of other paths: the next one differs, whatever the directory holds. */
  readonly otherPaths: boolean
  /** There is nothing in the directory. */
  readonly empty: boolean
}

/** Throws a `HoldfastError` that says why the directory is not what it should be: missing, unreadable, or suddenly empty. */
export async function preview(context: Context): Promise<Preview> {
  const { store, writer, patience, state, facts } = context
  const view = await writer.look()
  const version = view.state.head?.version ?? 0
  const head = await loadVersionState({ store, log: writer.log, patience }, version, facts.roots)
  const scan = await state.scan()
  refuseMissing(context, scan)
  refuseEmptied(context, head, scan)
  const { record } = head
  const otherPaths = record !== undefined && !sameRoots(record.roots, facts.roots)
  return {
    view,
    record,
    faults: head.manifest.faults,
    unchanged: record !== undefined && !otherPaths && (await isUnchanged(context, head, scan)),
    otherPaths,
    empty: !hasContent(scan.entries.values()) && scan.unreadable.length === 0,
  }
}

function refuseMissing({ state: { layout } }: Context, scan: Scan): void {
  for (const [index, { path }] of layout.roots.entries()) {
    const fault = [...scan.unreadable, ...scan.skipped].find(({ name }) => name === String(index))
    if (fault?.kind === 'skipped')
      throw new HoldfastError(`${path} is a ${fault.why}: name a directory or a file`)
    if (fault !== undefined)
      throw new HoldfastError(`${path} cannot be read (${fault.why}): nothing is made of it`)
    if (scan.missingRoots.includes(index))
      throw new HoldfastError(`${path} does not exist: nothing is made of it`)
  }
}

function refuseEmptied(
  { state: { layout } }: Context,
  { manifest }: VersionState,
  scan: Scan,
): void {
  const identity = new Map<string, string>()
  const sawContent = hasContent(manifest.entries.values())
  const why = whyNotCommit(layout, manifest.entries, scan, sawContent, {
    atStart: identity,
    now: identity,
  })
  if (why !== undefined) throw new HoldfastError(why)
}

/** By lstat alone, but for files that were read so soon after a change that a later one may bear the same time. */
async function isUnchanged(
  { state: { layout }, patience }: Context,
  { manifest, record }: VersionState,
  scan: Scan,
): Promise<boolean> {
  if (manifest.faults.length + scan.unreadable.length + scan.skipped.length > 0) return false
  const plan = planSnapshot(manifest.entries, scan, new Set())
  if (plan.read.length + plan.changed.length + plan.gone.length + plan.stale.length > 0)
    return false
  const sinceNs = doubtfulSinceNs(new Date(record?.scannedAt ?? 0))
  const doubtful = new Map([...scan.entries].filter(([, { ctimeNs }]) => ctimeNs > sinceNs))
  const { files } = await inspect(
    layout,
    manifest.entries,
    { ...scan, entries: doubtful },
    undefined,
    patience.clock,
  )
  for (const { name, type } of doubtful.values()) {
    const [held, now] = [manifest.entries.get(name), files.get(name)]
    if (type !== 'file') continue
    if (held?.type !== 'file' || now === undefined || !sameContent(held, now)) return false
  }
  return true
}

/** The sentence for a stream whose last writer has not closed: it will find itself superseded. */
export function takeOverNote({ view }: Preview, context: Context): string | undefined {
  const { owner } = view.state
  if (owner === null || owner.closed || owner.pod.uid === context.writer.identity.pod.uid)
    return undefined
  return `note: ${owner.pod.name} has not closed this stream; if it still writes, it goes on beside the main line from here`
}
