/**
 * Once a pod's app was let go, no agent of that pod changes a byte. The proof is the volume's mark with this pod's uid
 * and this boot; where the app wiped that, a `done` or a version of this pod and boot in the log. An `open` alone
 * proves nothing: the agent may have crashed before it rehydrated.
 */
import { formatStreamName } from '../../shared/stream-name.ts'
import type { Head } from '../../shared/repository/log-record.ts'
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

/** So many earlier writers are asked for, where the line went to another pod and the app wiped a mark. */
const MAX_WRITERS = 3

export async function logProves(context: Context, view: LogView): Promise<boolean> {
  const { writer, request } = context
  const { owner, head, settled } = view.state
  const { uid, boot } = writer.identity.pod
  if (owner === null) return false
  if (owner.pod.uid !== uid || owner.pod.boot !== boot) return wroteBefore(context, head)
  if (!settled) return false
  // Nothing to bring back: whether the app ran or not, what the volume holds is its own, and has to be shipped.
  if (head === null) return request === undefined
  const record = (await writer.log.record(head.n))?.record
  if (record?.kind === 'version' && record.reason === 'safety') return false
  return record?.pod.uid === uid && record.pod.boot === boot
}

/** Another pod has the line. Did it take up, near or far, a version that the app of this one had made? */
async function wroteBefore(context: Context, newest: Head | null): Promise<boolean> {
  const { state, writer } = context
  // Whoever let an app go had left its mark; one that is another pod's says that this pod's app has not run.
  if (state.marks().every(({ mark }) => mark !== undefined)) return false
  if (!(await state.hasContent())) return false // an empty volume is a fresh one: a cold start asks nothing more
  const { uid, boot } = writer.identity.pod
  let head = newest
  for (let writers = 0; head !== null && writers < MAX_WRITERS; writers += 1) {
    const made = (await writer.log.record(head.n))?.record
    if (made?.kind === 'version' && made.pod.uid === uid && made.pod.boot === boot)
      return made.reason !== 'safety'
    head = made?.kind === 'restore' ? made.left.head : await headTakenUp(context, head)
  }
  return false
}

/** What the writer of this head had found when it opened. */
async function headTakenUp({ writer }: Context, { open }: Head): Promise<Head | null> {
  const record = (await writer.log.record(open))?.record
  return record?.kind === 'open' ? record.head : null
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
