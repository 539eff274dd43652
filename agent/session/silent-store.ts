import type { AppState } from './app-state.ts'
import type { Status } from './status.ts'

/** What the status says while the store does not answer: why, and how much is known to wait for it. */
export function tellSilence(
  status: Status,
  { pendingBytes }: Pick<AppState, 'pendingBytes'>,
  error: Error,
): void {
  status.set({ problem: error.message, unshippedBytes: pendingBytes })
}
