/**
 * Once a pod's app was let go, no agent of that pod changes a byte. The proof is the volume's mark with this pod's uid
 * and this boot; where the app wiped that, a `done` or a version of this pod and boot in the log. An `open` alone
 * proves nothing: the agent may have crashed before it rehydrated.
 */
import { formatStreamName } from '../../shared/stream-name.ts'
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

export async function logProves({ writer, request }: Context, view: LogView): Promise<boolean> {
  const { owner, head, settled } = view.state
  const { uid, boot } = writer.identity.pod
  if (owner === null || !settled) return false
  if (owner.pod.uid !== uid || owner.pod.boot !== boot) return false
  // Nothing to bring back: whether the app ran or not, what the volume holds is its own, and has to be shipped.
  if (head === null) return request === undefined
  const record = (await writer.log.record(head.n))?.record
  if (record?.kind === 'version' && record.reason === 'safety') return false
  return record?.pod.uid === uid && record.pod.boot === boot
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
