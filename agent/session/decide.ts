/** Whose truth? Reads the log, writes nothing: which lineage a start resumes, or which version it has to restore. */
import { CorruptObjectError, NotFoundError } from '../../shared/errors.ts'
import { currentLineage, restoreOfLineage } from '../../shared/repository/log-state.ts'
import { versionKey } from '../../shared/repository/object-keys.ts'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import type { Context, RestoreRequest } from './context.ts'
import type { LineageState } from './lineage.ts'
import { WHEN_EMPTY, findRequest, lineageState, restoreOf } from './lineage.ts'
import type { LogView } from './log-writer.ts'

export type Decision =
  /** Go on with a lineage where it is. `unsettled`: its restore was begun and not finished. */
  | { readonly kind: 'resume'; readonly line: LineageState; readonly fulfilled: boolean }
  /** A new request: leave `line`, restore `version` (0: nothing). */
  | {
      readonly kind: 'restore'
      readonly line: LineageState
      readonly version: number
      readonly request: string
    }
  /** Nothing can be done but wait for people. */
  | { readonly kind: 'hold'; readonly reason: string }

export async function decide(context: Context, view: LogView): Promise<Decision> {
  const { request, writer } = context
  if (request === undefined) {
    const line = await settledLineage(context, view)
    return (await decideEmpty(context, line)) ?? { kind: 'resume', line, fulfilled: false }
  }
  const lineage = await findRequest(writer.log, view, request.text)
  if (lineage === undefined) return decideNew(context, view, request)
  const line = await lineageState(writer.log, view, lineage)
  if (line === undefined)
    throw new NotFoundError(`the log has a restore for ${request.text}, and no lineage ${lineage}`)
  return (await decideEmpty(context, line)) ?? { kind: 'resume', line, fulfilled: line.settled }
}

async function decideNew(
  context: Context,
  view: LogView,
  request: RestoreRequest,
): Promise<Decision> {
  const line = await settledLineage(context, view)
  const { pin, text } = request
  try {
    const version =
      pin.kind === 'latest'
        ? (line.head?.version ?? 0)
        : await resolvePin(context.store, context.writer.log, pin)
    return { kind: 'restore', line, version, request: text }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    return { kind: 'hold', reason: `cannot restore ${text}: ${error.message}` }
  }
}

/** What an empty volume with history does. Undefined: nothing out of the ordinary. */
async function decideEmpty(context: Context, line: LineageState): Promise<Decision | undefined> {
  const { whenEmpty, state, writer } = context
  if (whenEmpty === 'resume' || !line.settled || (line.head?.version ?? 0) === 0) return undefined
  if (state.marks().some(({ mark }) => mark !== undefined) || (await state.hasContent()))
    return undefined
  if (whenEmpty === 'fresh')
    return {
      kind: 'restore',
      line,
      version: 0,
      request: `${WHEN_EMPTY}${writer.identity.writer}`,
    }
  return {
    kind: 'hold',
    reason: `the volume is empty, the stream has v${line.head?.version}, and the declaration says whenEmpty: fail; pin a version, or "fresh"`,
  }
}

/** The current lineage; where its restore is not done and nobody asks for it any more, the one that it left. */
async function settledLineage(context: Context, view: LogView): Promise<LineageState> {
  let line: LineageState = {
    lineage: currentLineage(view.state),
    head: view.state.head,
    settled: view.state.settled,
  }
  while (!line.settled) {
    const restore = await restoreOf(context.writer.log, line.lineage)
    if (restore === undefined) break
    if ((restoreOfLineage(restore.left.lineage) ?? 0) >= restore.n)
      throw new CorruptObjectError(
        versionKey(context.writer.log.stream, restore.n),
        `it says that it left ${restore.left.lineage}, which is no older lineage`,
      )
    // It may have gone on since it was left for this restore.
    line = (await lineageState(context.writer.log, view, restore.left.lineage)) ?? restore.left
  }
  return line
}
