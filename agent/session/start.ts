/**
 * The start of a pod's agent, before its app runs (DESIGN 5.2):
 *
 *   look → predecessor → decide → checks → open → safety version → restore record → dirty mark → bytes → clean mark
 *        → done → (the app)
 *
 * Everything before `open` changes nothing. Whoever finds itself superseded on the way begins again.
 */
import { HoldfastError } from '../../shared/errors.ts'
import { UnreachableError } from '../../shared/object-store/object-store.ts'
import { BackOff, HELD_WAIT_MS } from '../../shared/patience.ts'
import { Committer } from './committer.ts'
import type { Context } from './context.ts'
import { decide } from './decide.ts'
import { fulfil } from './fulfil.ts'
import type { Waiting } from './hand-over.ts'
import { awaitPredecessor } from './hand-over.ts'
import { restoreOf } from './lineage.ts'
import type { LogView } from './log-writer.ts'
import { openDraft, probeFence } from './open.ts'
import type { ActiveDecision } from './preparation.ts'
import { prepare } from './preparation.ts'

/** A start that holds looks again after this, then somewhat less often. */
const HOLD_MS = 10_000

/**
 * Resolves when the app may be let go; undefined when the pod was told to stop before; `slot lost` when the slot that it
 * had found free is another pod's by now.
 */
export async function start(context: Context): Promise<Committer | 'slot lost' | undefined> {
  const { status, stopping, patience } = context
  const own: Own = { n: undefined, waiting: { writer: '', sinceMs: 0 } }
  const backOff = new BackOff(HOLD_MS, HELD_WAIT_MS)
  while (!stopping.aborted) {
    const outcome = await attempt(context, own)
    if (outcome instanceof Committer || outcome === 'slot lost') return outcome
    if (outcome === 'again') continue
    status.set({ phase: 'holding', reason: outcome.hold })
    await patience.clock.sleep(backOff.nextMs(), stopping)
  }
  return undefined
}

type Outcome = Committer | 'again' | 'slot lost' | { readonly hold: string }

/** What a start that holds and looks again keeps: its `open`, so that it does not open twice, and whom it has waited for. */
interface Own {
  n: number | undefined
  readonly waiting: Waiting
}

async function attempt(context: Context, own: Own): Promise<Outcome> {
  try {
    return await tryStart(context, own)
  } catch (error) {
    if (error instanceof UnreachableError)
      return { hold: `the store does not answer: ${error.message}` }
    if (error instanceof HoldfastError) return { hold: error.message }
    throw error
  }
}

async function tryStart(context: Context, own: Own): Promise<Outcome> {
  const looked = await context.writer.look()
  if (isLost(context, looked, own)) return 'slot lost'
  const view =
    context.claimedAt === null ? await awaitPredecessor(context, looked, own.waiting) : looked
  if (view === undefined) return 'again'
  const decision = await decide(context, view)
  if (decision.kind === 'hold') return { hold: decision.reason }
  await tellFulfilled(context, decision)
  const prepared = await prepare(context, decision)
  await context.step('decided')
  if (context.stopping.aborted) return 'again' // a pod told to stop opens nothing
  if (!isOpen(context, decision, view, own)) {
    const opened = await context.writer.tryAppend(openDraft(context, decision, view))
    if (opened.outcome !== 'created') return context.claimedAt === null ? 'again' : 'slot lost'
    own.n = opened.n
    await context.step('opened')
    await probeFence(context, opened.n, opened.body)
  }
  return (await fulfil(context, prepared, own.n ?? 0)) ?? 'again'
}

/** Whoever has written there since the slot was found free has taken it, or was not gone: the search knows how to judge that. */
function isLost({ claimedAt, writer }: Context, { n, state }: LogView, own: Own): boolean {
  if (claimedAt === null) return false
  if (own.n === undefined) return n !== claimedAt
  return state.owner?.writer !== writer.identity.writer
}

/** The line is this writer's already. */
function isOpen({ writer }: Context, { line }: ActiveDecision, view: LogView, own: Own): boolean {
  const { owner } = view.state
  return (
    own.n !== undefined &&
    owner?.writer === writer.identity.writer &&
    owner.lineage === line.lineage
  )
}

/** For whoever wonders why a pin restores nothing. */
async function tellFulfilled(context: Context, decision: ActiveDecision): Promise<void> {
  const { request, status, writer } = context
  if (decision.kind !== 'resume' || !decision.fulfilled || request === undefined)
    return status.set({ note: '', restored: null })
  const { lineage, head } = decision.line
  const record = await restoreOf(writer.log, lineage)
  // Another lineage may have gone on from it, where a volume was found empty.
  const version = record?.request === request.text ? record.resolved : undefined
  const as = version === undefined ? '' : ` as v${version}`
  status.set({
    note: `${request.text} is fulfilled already${as}: the volume goes on from v${head?.version ?? 0}; set holdfast.dev/restore-request to a new value to ask again`,
    restored: version === undefined ? null : { request: request.text, version },
  })
}
