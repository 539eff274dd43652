/** `holdfast replicate --once`: ship what changed, commit, close. */
import type { HeldVersion } from '../agent/capture/held-version.ts'
import type { Survey } from '../agent/capture/survey.ts'
import { closeLine } from '../agent/session/close-line.ts'
import type { CommitResult, Committer, TakeCapture } from '../agent/session/committer.ts'
import type { Context } from '../agent/session/context.ts'
import { join } from '../agent/session/join.ts'
import { HoldfastError } from '../shared/errors.ts'
import type { Fault } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { createTag } from '../shared/repository/tags.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import type { Preview } from './preview.ts'
import { preview, takeOverNote } from './preview.ts'
import { replicaContext } from './replica-context.ts'
import type { ReplicateOptions } from './replicate-options.ts'
import { refuseTakenTag } from './replicate-options.ts'
import { openRepository } from './repository.ts'
import type { Surroundings } from './surroundings.ts'
import type { Terminal } from './terminal.ts'
import { formatBytes } from './text/sizes.ts'
import {
  addedText,
  faultJson,
  missingLines,
  missingOf,
  sizeText,
  stateOf,
} from './version-facts.ts'

/** What became of it. */
interface Outcome {
  /** Undefined: there is nothing yet, neither here nor in the stream. */
  readonly record: VersionRecord | undefined
  readonly faults: readonly Fault[]
  readonly made: boolean
  readonly superseded: boolean
}

export async function replicateOnce(
  options: ReplicateOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings
  let uploaded = 0
  const repository = await openRepository(options, surroundings, {
    onUploaded: (bytes) => {
      uploaded += bytes
      terminal.progress(`shipping: ${formatBytes(uploaded)} uploaded`)
    },
  })
  await refuseTakenTag(repository, options)
  const context = replicaContext(options, repository, surroundings)
  const before = await preview(context)
  const outcome = await ship(options, context, before, surroundings)
  report(options, outcome, surroundings)
  return outcome.record?.complete === false ? EXIT.partial : EXIT.done
}

async function ship(
  { tag, stream }: ReplicateOptions,
  context: Context,
  before: Preview,
  { terminal }: Surroundings,
): Promise<Outcome> {
  const asBefore = {
    record: before.record,
    faults: before.faults,
    made: false,
    superseded: false,
  }
  const nothingYet = before.empty && before.record === undefined
  if (nothingYet && tag !== undefined)
    throw new HoldfastError(`there is nothing to tag as "${tag}" yet: the directory is empty`)
  if (nothingYet || (before.unchanged && tag === undefined)) return asBefore
  const note = takeOverNote(before, context)
  if (note !== undefined) terminal.note(note)
  const committer = await join(context, 'directory', before.head)
  const result = await commit(context, committer, tag, before)
  const { main, open, lineage } = committer.standing
  if (main) await closeLine(context, open, lineage)
  if (result === undefined) return asBefore
  if (tag !== undefined) await createTag(context.store, stream, tag, result.n)
  const { record } = result
  return { record, faults: committer.held.faults, made: true, superseded: !main }
}

async function commit(
  { state }: Context,
  committer: Committer,
  tag: string | undefined,
  { otherPaths, survey, held: surveyed }: Preview,
): Promise<CommitResult | undefined> {
  let unused: Survey | undefined = survey
  const take: TakeCapture = (held, packs) => {
    const made = isSameState(held, surveyed) ? unused : undefined
    unused = undefined // what is taken of it is changed by that
    return state.take(held, packs, made)
  }
  const result = await committer.commit(take, {
    reason: 'backup',
    always: tag !== undefined || otherPaths,
    ...(tag !== undefined && { tag }),
  })
  if (result === undefined && state.whyNot !== undefined) throw new HoldfastError(state.whyNot)
  return result
}

/** A survey against one tells of the other, too. */
function isSameState({ entries }: HeldVersion, other: HeldVersion): boolean {
  return entries === other.entries || entries.size + other.entries.size === 0
}

function report(options: ReplicateOptions, outcome: Outcome, { terminal }: Surroundings): void {
  if (options.output === 'json') terminal.printJson(outcomeJson(options, outcome))
  else sayOutcome(options, outcome, terminal)
}

function outcomeJson({ stream, tag }: ReplicateOptions, outcome: Outcome) {
  const { record, faults, made, superseded } = outcome
  const nothing = { changed: 0, gone: 0, storedBytes: 0 }
  return {
    stream: formatStreamName(stream),
    version: record?.n ?? null,
    made,
    state: record === undefined ? null : stateOf(record),
    line: superseded ? 'branch' : 'main',
    tag: (made ? tag : record?.tag) ?? null,
    added: (made ? record?.added : undefined) ?? nothing,
    ...record?.counts,
    missing: missingOf(faults).map((fault) => faultJson(fault, record?.roots ?? [])),
  }
}

function sayOutcome(
  { stream, path }: ReplicateOptions,
  { record, faults, made, superseded }: Outcome,
  terminal: Terminal,
): void {
  if (record === undefined)
    return terminal.print(`nothing to ship yet: ${path.join(', ')} is empty`)
  if (made)
    terminal.print(
      `v${record.n} of ${formatStreamName(stream)}: ${stateOf(record)}, ${addedText(record)} (${sizeText(record)} in all)`,
    )
  else terminal.print(`unchanged since v${record.n}`)
  if (superseded)
    terminal.note(`superseded: another writer took the main line over, so this is on a branch`)
  if (record.complete) return
  terminal.note(`v${record.n} is partial; missing, or kept as they were before:`)
  for (const line of missingLines(faults, record.roots)) terminal.note(line)
}
