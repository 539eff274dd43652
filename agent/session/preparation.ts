/** A start before it writes anything: its checks, and what it will do. */
import type { Vault } from '../../shared/encryption/vault.ts'
import { HoldfastError } from '../../shared/errors.ts'
import { untilReachable } from '../../shared/patience.ts'
import { formatStreamName } from '../../shared/stream-name.ts'
import { HeldVersion } from '../capture/held-version.ts'
import type { Mark } from '../volume/mark.ts'
import { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Decision } from './decide.ts'
import type { Rehydration } from './rehydrate.ts'
import { planRehydration } from './rehydrate.ts'
import type { VersionState } from './version-state.ts'
import {
  chainOf,
  foreignBytes,
  isDamage,
  loadContinued,
  loadVersionState,
} from './version-state.ts'
import type { VolumeCheck } from './volume-check.ts'
import { checkVolumes } from './volume-check.ts'

/** The version that a start has to restore is damaged, all of it. */
export class UnreadableVersionError extends HoldfastError {}

export type ActiveDecision = Exclude<Decision, { kind: 'hold' }>

/** A start whose checks are done: what it will do, and why it may. */
export interface Preparation {
  readonly decision: ActiveDecision
  readonly volumes: VolumeCheck
  /** The state that the app will find: the version asked for, or the head of the line. */
  readonly target: VersionState
  /** Undefined: the volume is the head, or newer, and stays. */
  readonly rehydration: Rehydration | undefined
  /** Seals what is written from now on. */
  readonly vault: Vault
}

/** Everything that can be checked is checked here, and nothing is written. Throws a `HoldfastError` that says what forbids the start. */
export async function prepare(context: Context, decision: ActiveDecision): Promise<Preparation> {
  const { state } = context
  const { line } = decision
  const vault = await writingVault(context)
  const volumes = await checkVolumes(context, line)
  const version = decision.kind === 'restore' ? decision.version : (line.head?.version ?? 0)
  const places = decision.kind === 'restore' ? state.layout.volumes : volumes.behind
  const isBehind = places.length > 0 && (line.head !== null || volumes.dirty)
  const keeps = keepsContent(context, version) && !volumes.dirty // half of another restore is nobody's state
  const needed = (decision.kind === 'restore' || isBehind) && !keeps
  const from = { ...context, log: context.writer.log }
  const load = needed ? loadWanted : loadContinued
  const target = await load(from, version, state.layout.roots)
  const rehydration = needed
    ? await planRehydration(context, target, places, !volumes.dirty)
    : undefined
  return { decision, volumes, target, rehydration, vault }
}

/** Throws an `UnreadableVersionError` when it is damaged: whatever is there stays, and the app is not let go on it. */
async function loadWanted(...from: Parameters<typeof loadVersionState>): Promise<VersionState> {
  try {
    return await loadVersionState(...from)
  } catch (error) {
    if (!isDamage(error)) throw error
    throw new UnreadableVersionError(
      `v${from[1]} is to be restored, and cannot be read: ${error.message}; "holdfast verify" says which versions are sound: set holdfast.dev/restore to one of them`,
      { cause: error },
    )
  }
}

/** What everything new is sealed with, by the key that is there now. Throws a `WrongKeyError`, or waits for the store. */
export function writingVault({ writer, patience }: Context): Promise<Vault> {
  return untilReachable(() => writer.log.vaults.writing(), patience)
}

/** `latest` of a stream without versions is what the volume holds: nothing is emptied for it, as it is for `fresh`. */
function keepsContent({ request }: Context, version: number): boolean {
  return version === 0 && request?.pin.kind === 'latest'
}

export function markOf(
  { writer }: Context,
  open: number,
  line: { lineage: string; request: string | null },
  state: { dirty: boolean; settled: boolean },
): Mark {
  const { identity, log } = writer
  const { uid, boot } = identity.pod
  const stream = formatStreamName(log.stream)
  return { format: 1, stream, writer: identity.writer, open, ...line, ...state, pod: { uid, boot } }
}

/** A committer on the main line, whose next version extends this state. */
export function mainCommitter(
  context: Context,
  open: number,
  line: { lineage: string; request: string | null },
  target: VersionState,
  vault: Vault,
  held: HeldVersion = new HeldVersion(target.manifest),
): Committer {
  const { store, writer, facts, patience, state } = context
  state.beginAnew()
  held.damage = target.damage
  if (target.unreadable !== '') context.status.set({ note: startedAnew(target) })
  held.foreign = foreignBytes({ ...context, log: writer.log }, target, vault)
  if (target.record !== undefined) state.doubtSince(held, new Date(target.record.scannedAt))
  return new Committer(store, writer, facts, patience, {
    standing: { open, main: true, lineage: line.lineage, parent: target.version },
    held,
    chain: chainOf(target, state.layout.roots, vault),
    vault,
    onCommitting: () => {
      state.ensureMarks(markOf(context, open, line, { dirty: false, settled: true }))
    },
  })
}

function startedAnew({ version, unreadable }: VersionState): string {
  return `v${version} cannot be read any more (${unreadable}): the next version holds everything anew`
}
