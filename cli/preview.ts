/** A look at the directory and at the head of its stream before anything is written to either. */
import {
  attributeFaults,
  lookForAttributes,
  settleAttributes,
} from '../agent/capture/attribute-look.ts'
import { HeldVersion } from '../agent/capture/held-version.ts'
import { sameRoots } from '../agent/capture/remap-roots.ts'
import type { Survey } from '../agent/capture/survey.ts'
import { chunksOf } from '../agent/restore/present.ts'
import { sameFaults } from '../agent/session/capture-delta.ts'
import type { Context } from '../agent/session/context.ts'
import type { LogView } from '../agent/session/log-writer.ts'
import { writingVault } from '../agent/session/preparation.ts'
import type { VersionState } from '../agent/session/version-state.ts'
import { foreignBytes, loadContinued } from '../agent/session/version-state.ts'
import { locationOf } from '../agent/volume/layout.ts'
import type { Vault } from '../shared/encryption/vault.ts'
import { HoldfastError } from '../shared/errors.ts'
import { usesDamaged } from '../shared/repository/damage.ts'
import type { Entry, Fault } from '../shared/repository/entry.ts'
import { sameContent, sameEntry } from '../shared/repository/entry.ts'
import { EntryTable } from '../shared/repository/entry-table.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'

export interface Preview {
  readonly view: LogView
  readonly head: VersionState
  /** The head's state, against which the survey was made. */
  readonly held: HeldVersion
  readonly survey: Survey
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
  // Of a first version everything would have to be read again.
  if (version > 0) state.tools?.begin(state.layout.roots.map(({ at }) => at))
  const head = await loadContinued({ store, log: writer.log, patience }, version, facts.roots)
  const { record } = head
  const held = new HeldVersion(head.manifest)
  held.damage = head.damage
  held.foreign = foreignBytes(
    { store, log: writer.log, patience },
    head,
    await writingVault(context),
  )
  if (record !== undefined) state.doubtSince(held, new Date(record.scannedAt))
  const survey = await state.survey(held)
  refuseMissing(context, survey)
  const why = state.whyNotCommit(held, survey)
  if (why !== undefined) throw new HoldfastError(why)
  const otherPaths = record !== undefined && !sameRoots(record.roots, facts.roots)
  return {
    view,
    head,
    held,
    survey,
    record,
    faults: head.manifest.faults,
    unchanged:
      record !== undefined && !otherPaths && (await isUnchanged(context, head, held, survey)),
    otherPaths,
    empty: !survey.plan.hasContent && survey.findings.unreadable.length === 0,
  }
}

function refuseMissing({ state: { layout } }: Context, { findings }: Survey): void {
  const { unreadable, skipped, missingRoots } = findings
  for (const [index, { path }] of layout.roots.entries()) {
    const fault = [...unreadable, ...skipped].find(({ name }) => name === String(index))
    if (fault?.kind === 'skipped')
      throw new HoldfastError(`${path} is a ${fault.why}: name a directory or a file`)
    if (fault !== undefined)
      throw new HoldfastError(`${path} cannot be read (${fault.why}): nothing is made of it`)
    if (missingRoots.includes(index))
      throw new HoldfastError(`${path} does not exist: nothing is made of it`)
  }
}

/** By lstat alone, but for files that were only touched, or read so soon after a change that a later one may bear the same time. */
async function isUnchanged(
  context: Context,
  { vault }: VersionState,
  held: HeldVersion,
  { plan, findings }: Survey,
): Promise<boolean> {
  if (held.foreign !== undefined) return false // to be sealed as what is new is
  const others = held.faults.filter(({ attribute }) => attribute === undefined)
  if (others.length + findings.unreadable.length + findings.skipped.length > 0) return false
  if (plan.gone.size > 0) return false
  const toRead = new Set(plan.read)
  for (const row of plan.changed.rows()) {
    const now = plan.changed.glanceAt(row)
    const before = held.entries.get(now.name)
    if (before === undefined || !isSameFace(before, now)) return false
    if (!toRead.has(row)) continue
    if (usesDamaged(before, held.damage)) return false // to be shipped again
    if (!(await hasContent(context, vault, before))) return false
  }
  return hasAttributes(context, held, plan.changed)
}

/** All that needs no reading is the same. */
function isSameFace(before: Entry, now: Entry): boolean {
  const { attributes = {} } = before
  const chunks = before.type === 'file' ? before.chunks : []
  return sameEntry(before, { ...now, attributes, ...(now.type === 'file' && { chunks }) })
}

async function hasContent(
  { state: { layout }, patience }: Context,
  vault: Vault,
  entry: Entry,
): Promise<boolean> {
  if (entry.type !== 'file') return true
  const chunks = await chunksOf(locationOf(layout, entry.name), patience.clock, vault)
  return chunks !== undefined && sameContent(entry, { ...entry, chunks })
}

/** The extended attributes are as the version has them, and what it says of them, too. */
async function hasAttributes(
  { state }: Context,
  held: HeldVersion,
  changed: EntryTable,
): Promise<boolean> {
  const { layout, tools } = state
  if (tools === undefined) return true
  const found = { changed: new EntryTable(), refreshed: new EntryTable(), gone: new Set<string>() }
  const look = await lookForAttributes(layout, held, changed, tools)
  settleAttributes(layout, held, look, found)
  const faults = attributeFaults(layout, held, look, found)
  const before = held.faults.filter(({ attribute }) => attribute !== undefined)
  return found.changed.size === 0 && sameFaults(faults, before)
}

/** The sentence for a stream whose last writer has not closed: it will find itself superseded. */
export function takeOverNote({ view }: Preview, context: Context): string | undefined {
  const { owner } = view.state
  if (owner === null || owner.closed || owner.pod.uid === context.writer.identity.pod.uid)
    return undefined
  return `note: ${owner.pod.name} has not closed this stream; if it still writes, it goes on beside the main line from here`
}
