/** What follows an `open`: the part of a start that changes the volume, each step durable before the next. */
import { HeldVersion } from '../capture/held-version.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import { isSuperseded } from './log-writer.ts'
import type { Rehydration } from './rehydrate.ts'
import { asWritten, runRehydration } from './rehydrate.ts'
import type { Preparation } from './preparation.ts'
import { mainCommitter, markOf } from './preparation.ts'
import { saveBefore } from './safety.ts'
import type { VolumeCheck } from './volume-check.ts'

/** The line that the app will write to, and the request that it answers. */
interface Line {
  readonly lineage: string
  readonly request: string | null
}

/** Undefined: superseded on the way, the start is to be planned again. */
export async function fulfil(
  context: Context,
  prepared: Preparation,
  open: number,
): Promise<Committer | undefined> {
  const { rehydration, target, volumes } = prepared
  renewMarks(context, volumes, open)
  if (!(await saveBefore(context, prepared, open))) return undefined
  await context.step('safety saved')
  const line = await recordRestore(context, prepared, open)
  if (line === undefined) return undefined
  await context.step('restore recorded')
  // A dirty mark is taken back before the log says `done`, also where nothing is left to restore.
  const written = rehydration !== undefined && (volumes.dirty || !rehydration.untouched)
  if (written) await rehydrate(context, rehydration, open, line, prepared)
  // Also where nothing was restored: a mark may be wiped, or not be there yet, and the log proves that the app was let go.
  if (!(await recordDone(context, open, line))) return undefined
  await context.step('done recorded')
  tellRestored(context, prepared, line)
  const hasSomething =
    written || volumes.marked || target.version !== 0 || (await context.state.hasContent())
  if (hasSomething)
    context.state.writeMarks(markOf(context, open, line, { dirty: false, settled: true }))
  const held = written
    ? new HeldVersion({ ...target.manifest, entries: await asWritten(context, target) })
    : undefined
  return mainCommitter(context, open, line, target, prepared.vault, held)
}

/** A request that this start has brought to its end. */
function tellRestored({ request, status }: Context, prepared: Preparation, line: Line): void {
  const { decision, target } = prepared
  const isDone = decision.kind === 'restore' || !decision.line.settled
  if (isDone && request !== undefined && line.request === request.text)
    status.set({ restored: { request: request.text, version: target.version } })
}

/**
 * What this writer commits from now on comes from these volumes, were it only what it saves before a restore. Nothing
 * else is claimed: the start is not over.
 */
function renewMarks({ state, writer }: Context, { ahead }: VolumeCheck, open: number): void {
  for (const { volume, mark } of state.marks())
    if (mark !== undefined && ahead.includes(volume))
      state.writeMarks({ ...mark, writer: writer.identity.writer, open }, [volume])
}

/** Writes down, once and for all, which version the request was resolved to. Undefined: superseded. */
async function recordRestore(
  context: Context,
  { decision }: Preparation,
  open: number,
): Promise<Line | undefined> {
  const { writer, request, status } = context
  if (decision.kind === 'resume')
    return { lineage: decision.line.lineage, request: request?.text ?? null }
  const recorded = await writer.append(({ n, state }) =>
    isSuperseded(state, writer.identity.writer, open)
      ? undefined
      : {
          kind: 'restore',
          open,
          branch: false,
          lineage: `L${n + 1}`,
          parent: decision.version,
          request: decision.request,
          resolved: decision.version,
          left: { lineage: decision.line.lineage, head: state.head, settled: state.settled },
          previousSwitch: state.lastSwitch,
          graceSeconds: writer.identity.graceSeconds,
        },
  )
  if (recorded === undefined) return undefined
  const { record } = recorded
  if (record.kind === 'restore')
    status.set({
      note: `restoring ${decision.request} as v${record.resolved}; the way back is v${record.left.head?.version ?? 0}`,
    })
  return { lineage: record.lineage, request: decision.request }
}

async function rehydrate(
  context: Context,
  rehydration: Rehydration,
  open: number,
  line: Line,
  { decision, volumes }: Preparation,
): Promise<void> {
  const { state, step } = context
  const places = decision.kind === 'restore' ? state.layout.volumes : volumes.behind
  state.writeMarks(markOf(context, open, line, { dirty: true, settled: false }), places)
  await step('marked dirty')
  await runRehydration(context, rehydration)
  await step('restored')
  const settled = decision.kind === 'resume' && decision.line.settled
  state.writeMarks(markOf(context, open, line, { dirty: false, settled }), places)
  await step('marked clean')
}

async function recordDone({ writer }: Context, open: number, { lineage }: Line): Promise<boolean> {
  const done = await writer.append(({ state }) =>
    isSuperseded(state, writer.identity.writer, open)
      ? undefined
      : { kind: 'done', open, branch: false, lineage, parent: state.head?.version ?? 0 },
  )
  return done !== undefined
}
