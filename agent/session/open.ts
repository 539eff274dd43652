/** The record by which a writer takes a line, and the proof that the bucket honours it. */
import { HoldfastError } from '../../shared/errors.ts'
import { currentLineage } from '../../shared/repository/log-state.ts'
import type { Context } from './context.ts'
import type { LineageState } from './lineage.ts'
import type { Draft, LogView } from './log-writer.ts'

export const AGENT_VERSION = '0.1.0'

export function openDraft(
  context: Context,
  { kind, line }: { kind: 'resume' | 'restore'; line: LineageState },
  view: LogView,
): Draft {
  const { state } = view
  const current = currentLineage(state)
  const { head } = line
  return {
    kind: 'open',
    open: 0,
    branch: false,
    lineage: line.lineage,
    parent: head?.version ?? 0,
    continues: continuesOf(line),
    // Only a request that this lineage answers is named: a new one is not fulfilled yet.
    request: kind === 'resume' ? (context.request?.text ?? null) : null,
    graceSeconds: context.writer.identity.graceSeconds,
    left:
      line.lineage === current
        ? null
        : { lineage: current, head: state.head, settled: state.settled },
    head,
    settled: line.settled,
    previousSwitch: state.lastSwitch,
    agent: AGENT_VERSION,
  }
}

/** The writer whose state this one takes up. After a restore nobody's: the state is an older version's. */
export function continuesOf({ head }: LineageState): { writer: string; open: number } | null {
  return head === null || head.restore ? null : { writer: head.writer, open: head.open }
}

/** A repeated `open` must give 412 in the real bucket; some stores drop the condition in versioned buckets. */
export async function probeFence(
  { writer, status }: Context,
  n: number,
  body: Buffer,
): Promise<void> {
  try {
    status.set({ unfenced: !(await writer.log.isFenced(n, body)) })
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error // not known: the next start asks again
  }
}
