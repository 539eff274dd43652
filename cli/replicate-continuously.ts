/** `holdfast replicate`: the agent's loop on a directory, until a signal ends it. The store is waited for as long as it takes. */
import type { Capture } from '../agent/capture/archiver.ts'
import { watchDirectories } from '../agent/capture/directory-watcher.ts'
import { releaseAtRest } from '../agent/capture/release-memory.ts'
import type { TakeCapture } from '../agent/session/committer.ts'
import type { Context } from '../agent/session/context.ts'
import { join } from '../agent/session/join.ts'
import { Replicator } from '../agent/session/replicator.ts'
import { tellSilence } from '../agent/session/silent-store.ts'
import { systemClock } from '../shared/clock.ts'
import { HoldfastError } from '../shared/errors.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import { untilReachable } from '../shared/patience.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { preview, takeOverNote } from './preview.ts'
import { replicaContext } from './replica-context.ts'
import type { ReplicateOptions } from './replicate-options.ts'
import { refuseTakenTag } from './replicate-options.ts'
import type { Surroundings } from './surroundings.ts'
import { formatBytes } from './text/sizes.ts'

export async function replicateContinuously(
  options: ReplicateOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { signals } = surroundings
  const giveUp = new AbortController()
  const abort = () => {
    giveUp.abort()
  }
  signals.stopped.addEventListener('abort', abort)
  const { context, replicator, close, tagged } = await begin(options, surroundings, giveUp.signal)
  // From here on a signal asks for the last flush, which may take as long as the time-out says.
  signals.stopped.removeEventListener('abort', abort)
  const stop = () => {
    replicator.stop()
    setTimeout(abort, options.timeout).unref()
  }
  signals.stopped.addEventListener('abort', stop)
  if (signals.stopped.aborted) stop()
  try {
    await replicator.run()
    await tagged
  } finally {
    await close()
  }
  return endCode(context, surroundings)
}

interface Running {
  readonly context: Context
  readonly replicator: Replicator
  readonly close: () => Promise<void>
  /** Resolves once the tag that was asked for is made. */
  readonly tagged: Promise<unknown>
}

async function begin(
  options: ReplicateOptions,
  surroundings: Surroundings,
  giveUp: AbortSignal,
): Promise<Running> {
  const { terminal, signals } = surroundings
  const patience = {
    clock: systemClock,
    signal: giveUp,
    onRetry: (error: Error) => tellSilence(context.status, context.state, error),
  }
  const repository = { store: await openStore(options.store), patience }
  const context: Context = replicaContext(options, repository, surroundings)
  const seen = announce(options, context, surroundings)
  try {
    await untilReachable(() => refuseTakenTag(repository, options), patience)
    const before = await preview(context)
    const note = takeOverNote(before, context)
    if (note !== undefined) terminal.note(note)
    const committer = await join(context, 'directory')
    terminal.note(
      `shipping ${options.path.join(', ')} to ${repository.store.url} as ${formatStreamName(options.stream)}`,
    )
    const hints = watchDirectories((why) => {
      terminal.note(`note: ${why}`)
    })
    context.state.watch(hints)
    const { within: withinMs, tag } = options
    const replicator = new Replicator(context, committer, {
      withinMs,
      hints,
      take: remember(context, seen),
      atRest: releaseAtRest,
    })
    const tagged = tag === undefined ? Promise.resolve() : replicator.backup(tag)
    // Awaited at the end; until then its failure is nobody's.
    tagged.catch(() => undefined)
    return { context, replicator, close: () => hints.close(), tagged }
  } catch (error) {
    if (error instanceof HoldfastError) signals.check()
    throw error
  }
}

/** The capture that the next report tells about. */
interface Seen {
  capture: Capture | undefined
}

function remember({ state }: Context, seen: Seen): TakeCapture {
  return async (held, packs) => {
    const capture = await state.take(held, packs)
    if (capture !== undefined) seen.capture = capture
    return capture
  }
}

/** Says each version, and everything that people should know of in between. */
function announce(options: ReplicateOptions, context: Context, { terminal }: Surroundings): Seen {
  const seen: Seen = { capture: undefined }
  context.status.onChange((now, before) => {
    if (now.problem !== before.problem)
      terminal.note(now.problem === '' ? 'all is well again' : now.problem)
    if (now.line !== before.line && now.line === 'superseded')
      terminal.note(
        'superseded: another writer took the main line over; what changes here is shipped beside it',
      )
    if (now.unfenced && !before.unfenced)
      terminal.note(
        'unfenced: this store overwrites what a conditional write should have refused, so two writers could harm each other',
      )
    if (now.lastVersion !== before.lastVersion) sayVersion(options, now, seen.capture, terminal)
  })
  return seen
}

function sayVersion(
  { output, stream }: ReplicateOptions,
  facts: Context['status']['facts'],
  capture: Capture | undefined,
  terminal: Surroundings['terminal'],
): void {
  const { lastVersion: version, lastComplete, line } = facts
  const state = lastComplete ? 'complete' : 'partial'
  const added = {
    changed: capture?.changed.size ?? 0,
    gone: capture?.gone.size ?? 0,
    storedBytes: capture?.packed.storedBytes ?? 0,
  }
  if (output === 'json')
    return terminal.print(
      JSON.stringify({
        stream: formatStreamName(stream),
        version,
        state,
        line: line === 'main' ? 'main' : 'branch',
        added,
      }),
    )
  const beside = line === 'main' ? '' : ', beside the main line'
  terminal.print(
    `v${version}: ${state}, ${added.changed} changed, ${added.gone} gone, ${formatBytes(added.storedBytes)} stored${beside}`,
  )
}

function endCode({ status }: Context, { terminal }: Surroundings): number {
  const { problem, lastComplete } = status.facts
  if (problem !== '') {
    terminal.note(`holdfast: not everything was shipped: ${problem}`)
    return EXIT.failed
  }
  return lastComplete ? EXIT.done : EXIT.partial
}
