/**
 * Once a pod's app was let go, no agent of that pod changes a byte. The proof is the note that its agent left; where
 * that could not be written, the volume's mark with this pod's uid and this boot; where the app wiped that, a `done` or
 * a version of this pod and boot in the log. An `open` alone proves nothing: the agent may have crashed before it
 * rehydrated.
 */
import { formatStreamName } from '../../shared/stream-name.ts'
import type { LogRecord, WriterPod } from '../../shared/repository/log-record.ts'
import type { Context } from './context.ts'
import type { LogView } from './log-writer.ts'

/** Without asking S3. */
export function markProves({ state, writer }: Context): boolean {
  const { uid, boot } = writer.identity.pod
  const marks = state.marks().map(({ mark }) => mark)
  return (
    marks.length > 0 &&
    marks.every(
      (mark) =>
        mark?.dirty === false && mark.settled && mark.pod.uid === uid && mark.pod.boot === boot,
    )
  )
}

/** Before an app is let go without a record in the log: a restarted agent of this pod must find the proof. Throws `VolumeError`. */
export function leaveProof({ state, writer }: Context): void {
  const { uid, boot } = writer.identity.pod
  for (const { volume, mark } of state.marks())
    if (mark !== undefined) state.writeMarks({ ...mark, pod: { uid, boot } }, [volume])
}

/** So far back the log is read. */
const MAX_RECORDS = 1000
/** Records read at a time. */
const BATCH = 16

/** Asked where the marks do not prove it. A volume without files is a fresh one: a cold start asks no more than that. */
export async function logProves(
  { state, writer }: Pick<Context, 'state' | 'writer'>,
  view: LogView,
): Promise<boolean> {
  const { owner } = view.state
  if (owner === null) return false
  const isOwner = isOf(owner, writer.identity.pod)
  // Whoever let an app go on something had left its mark; one that is another pod's says that this pod's app has not run.
  const isMarked = state.marks().every(({ mark }) => mark !== undefined)
  if (!isOwner && (isMarked || !(await state.hasContent()))) return false
  // What was written since the owner was looked up is not its line: another pod's `open` there would hide the proof.
  const numbers = await writer.log.numbers({ below: view.n + 1, limit: MAX_RECORDS })
  for (let from = 0; from < numbers.length; from += BATCH) {
    const batch = numbers.slice(from, from + BATCH).map(({ n }) => writer.log.record(n))
    for (const found of await Promise.all(batch)) {
      if (found === undefined) continue
      const { record } = found
      if (isProof(record, writer.identity.pod)) return true
      // The owner's line began here: what came before is no proof of what this pod did since.
      if (isOwner && record.kind === 'open' && !record.branch && !isOf(record, writer.identity.pod))
        return false
    }
  }
  return false
}

/** A safety version comes before a restore, and an `open` before everything: neither says that the app was let go. */
function isProof(record: LogRecord, pod: WriterPod): boolean {
  const isLate = record.kind === 'done' || (record.kind === 'version' && record.reason !== 'safety')
  return isLate && isOf(record, pod)
}

/** Written in this pod, on this boot of its node. */
function isOf({ pod }: { readonly pod: WriterPod }, { uid, boot }: WriterPod): boolean {
  return pod.uid === uid && pod.boot === boot
}

/** Clean marks of this stream that prove the request fulfilled: the app may start on this volume while S3 is down. */
export function mayStartOffline({ state, writer, request }: Context): boolean {
  const stream = formatStreamName(writer.log.stream)
  const marks = state.marks().map(({ mark }) => mark)
  return (
    marks.length > 0 &&
    marks.every(
      (mark) =>
        mark?.dirty === false &&
        mark.settled &&
        mark.stream === stream &&
        (request === undefined || mark.request === request.text),
    )
  )
}
