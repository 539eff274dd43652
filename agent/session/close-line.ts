/** The last record of a writer that ends in order. */
import { HoldfastError } from '../../shared/errors.ts'
import type { Context } from './context.ts'
import { isSuperseded } from './log-writer.ts'

/** The hand-over: whoever comes next need not wait. A superseded writer has nothing to hand over. */
export async function closeLine(
  { writer, status }: Context,
  open: number,
  lineage: string,
): Promise<void> {
  try {
    await writer.append(({ state }) =>
      isSuperseded(state, writer.identity.writer, open)
        ? undefined
        : { kind: 'closed', open, branch: false, lineage, parent: state.head?.version ?? 0 },
    )
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    status.set({ problem: error.message })
  }
}
