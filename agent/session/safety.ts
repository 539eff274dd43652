/** What a volume holds and no version has is committed before a restore changes the first byte of it. */
import { HoldfastError } from '../../shared/errors.ts'
import type { Fault } from '../../shared/repository/entry.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import { HeldVersion } from '../capture/held-version.ts'
import type { Standing } from './committer.ts'
import { Committer } from './committer.ts'
import type { Context } from './context.ts'
import { isSuperseded } from './log-writer.ts'
import type { Preparation } from './preparation.ts'
import type { VersionState } from './version-state.ts'
import { chainOf, foreignBytes, loadContinued } from './version-state.ts'

/** What the volume holds cannot all be read, so a restore would lose some of it. */
export class PartialSafetyError extends HoldfastError {}

/** False: superseded meanwhile. Throws `PartialSafetyError` when not all of it could be saved. */
export async function saveBefore(
  context: Context,
  prepared: Preparation,
  open: number,
): Promise<boolean> {
  const { volumes, rehydration } = prepared
  if (rehydration === undefined || volumes.dirty) return true // a dirty volume is never saved
  const isHead = volumes.behind.length === 0
  if (!isHead && !rehydration.losesContent) return true
  const { writer, state, status } = context
  if (await state.hasContent()) {
    status.set({ phase: 'restoring', reason: 'saving what the volume holds before it is restored' })
    // Before anything is uploaded: a start that holds tries again and again.
    refusePartial(await state.unreadableFiles())
    if (!isHead || !(await save(context, prepared, open, true)))
      await saveBeside(context, prepared, open)
  }
  return !isSuperseded(writer.view.state, writer.identity.writer, open)
}

/** False: the guard forbids the main line what it would be told (a declared path that has gone). */
async function save(
  context: Context,
  prepared: Preparation,
  open: number,
  isHead: boolean,
): Promise<boolean> {
  const { state } = context
  const committer = await safetyCommitter(context, prepared, open, isHead)
  await committer.commit((held, packs) => state.take(held, packs), { reason: 'safety' })
  if (state.whyNot !== undefined) return false
  refusePartial(committer.held.faults)
  return true
}

/** On a branch, which says nothing about what has gone: what is there is saved all the same. */
async function saveBeside(context: Context, prepared: Preparation, open: number): Promise<void> {
  if (await save(context, prepared, open, false)) return
  throw new PartialSafetyError(
    `what the volume holds could not be saved, so nothing of it is overwritten: ${context.state.whyNot}`,
  )
}

/**
 * On the main line where the volume is its head, or newer; else on a branch, which refers to nothing of the head and
 * does not continue it either.
 * It sets no marks: a mark would say that this start is already over.
 */
async function safetyCommitter(
  context: Context,
  { decision, vault }: Preparation,
  open: number,
  isHead: boolean,
): Promise<Committer> {
  const { store, writer, facts, patience, state } = context
  const { lineage, head } = decision.line
  const parent = head?.version ?? 0
  const from = { store, log: writer.log, patience }
  const base: VersionState = await loadContinued(from, isHead ? parent : 0, state.layout.roots)
  const held = new HeldVersion(isHead ? base.manifest : EMPTY_MANIFEST)
  held.damage = base.damage
  held.foreign = foreignBytes(from, base, vault)
  if (base.record !== undefined) state.doubtSince(held, new Date(base.record.scannedAt))
  const standing: Standing = isHead
    ? { open, main: true, lineage, parent }
    : { open, main: false, lineage: `${lineage}/${writer.identity.writer}`, parent: 0 }
  return new Committer(store, writer, facts, patience, {
    standing,
    held,
    chain: chainOf(base, state.layout.roots, vault),
    vault,
  })
}

function refusePartial(faults: readonly Fault[]): void {
  const fault = faults.find(({ kind }) => kind === 'unreadable' || kind === 'unstable')
  if (fault !== undefined)
    throw new PartialSafetyError(
      `what the volume holds could not all be saved (${fault.name}: ${fault.kind}, ${fault.why}), so nothing of it is overwritten; make it readable`,
    )
}
