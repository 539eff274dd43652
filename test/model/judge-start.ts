/** What an app must find at the moment at which it is let go. */
import { readMark } from '../../agent/volume/mark.ts'
import type { Chronicle } from './chronicle.ts'
import type { TrueHead } from './log-truth.ts'
import { isSettled, truthOf } from './log-truth.ts'
import type { Before, Pod, Volume } from './pod.ts'
import { contentOf, requestOf } from './pod.ts'
import { onRoot, sameContent, showContent } from './values.ts'

export function judgeStart(chronicle: Chronicle, pod: Pod): void {
  if (pod.letGo) return // a restarted agent: that it changed nothing is judged elsewhere
  const own = chronicle.ownLine(pod)
  const target = chronicle.contentOfVersion(chronicle.targetOf(pod).version)
  for (const { name, half, root, content, dir } of pod.volumes) {
    if (half && !sameContent(content, onRoot(target, root)))
      chronicle.violate('the app started on a half-restored volume', `${pod.name} on ${name}`)
    // What it writes there would not be saved before the next restore.
    if (readMark(dir)?.dirty === true)
      chronicle.violate('the app started on a dirty mark', `${pod.name} on ${name}`)
  }
  if (own === undefined) return judgeUnasked(chronicle, pod)
  if (own.kind === 'restore') judgeRestored(chronicle, pod, own.resolved)
  else judgeResumed(chronicle, pod, own.n)
  if (chronicle.violations.size > 0) return
  const { head } = truthOf(chronicle.records.filter(({ n }) => n <= own.n))
  if (head !== undefined)
    for (const volume of pod.volumes) Object.assign(volume, { tip: head.n, half: false })
}

/** Without asking S3, or on marks that say that this pod's restore is over: nothing was changed, and nothing is owed. */
function judgeUnasked(chronicle: Chronicle, pod: Pod): void {
  for (const [i, { content, half }] of pod.before.entries()) {
    const volume = pod.volumes[i]
    if (volume !== undefined && (half || !sameContent(volume.content, content)))
      chronicle.violate('later writes were discarded', `${pod.name} changed ${volume.name} unasked`)
  }
  const request = requestOf(pod)
  if (request === null) return
  const restore = chronicle.records.find(
    (record) => record.kind === 'restore' && record.request === request,
  )
  if (restore === undefined || !isSettled(chronicle.records, restore.lineage))
    chronicle.violate('the app started without what was asked for', `${pod.name}: ${request}`)
}

function judgeRestored(chronicle: Chronicle, pod: Pod, resolved: number): void {
  const request = requestOf(pod)
  const keeps = resolved === 0 && pod.pin === 'latest'
  const found = contentOf(pod.volumes)
  const wanted = keeps
    ? new Map(pod.before.flatMap(({ content }) => [...content]))
    : chronicle.contentOfVersion(resolved)
  if (!sameContent(found, wanted))
    chronicle.violate(
      'a new request did not restore its version',
      `${request}: wanted ${showContent(wanted)}, the app finds ${showContent(found)}`,
    )
}

/** A start that asks for nothing new: a volume that is the head, or newer, stays; any other comes to the head. */
function judgeResumed(chronicle: Chronicle, pod: Pod, open: number): void {
  const { head, settled } = truthOf(chronicle.records.filter(({ n }) => n <= open))
  const keeps = keepsWhatIsThere(pod, head)
  for (const [i, volume] of pod.volumes.entries()) {
    const before = pod.before[i]
    if (before === undefined) continue
    const { root } = volume
    // A restore that others began is brought to its end, except where `latest` asks for what is there.
    const stays =
      !before.half && (keeps || (settled && chronicle.isHeadOrNewer(root, before.tip, head)))
    const wanted = stays ? before.content : chronicle.onRootOf(head, root)
    const isReset = before.tip !== head?.n && isAtSwitch(chronicle, volume, head)
    if (isReset || sameContent(volume.content, wanted)) continue
    if (isReplaced(chronicle, volume, before, head)) continue
    if (isPutAside(chronicle, pod, root, before)) continue
    chronicle.violate(
      'later writes were discarded',
      `${pod.name} on ${volume.name} (at v${before.tip}, head v${head?.n}): ${showContent(before.content)} should be ${showContent(wanted)}, is ${showContent(volume.content)}`,
    )
  }
}

/** Another lineage began with the very version that the volume had gone on from: the log wins. */
function isAtSwitch(
  chronicle: Chronicle,
  { root, content }: Volume,
  head: TrueHead | undefined,
): boolean {
  if (head?.restore !== true) return false
  return sameContent(content, chronicle.onRootOf(head, root))
}

/** The volume is at another line's version that only happens to be what the head is: the log wins, once its own is saved. */
function isReplaced(
  chronicle: Chronicle,
  { root, content }: Volume,
  before: Before,
  head: TrueHead | undefined,
): boolean {
  if (head === undefined || chronicle.continues(root, before.tip, head)) return false
  const isHead = sameContent(content, chronicle.onRootOf(head, root))
  return isHead && chronicle.isKept(before.content)
}

/** `latest` asks for what is there where there is no version. */
function keepsWhatIsThere({ pin }: Pod, head: TrueHead | undefined): boolean {
  return head?.version === 0 && pin === 'latest'
}

/**
 * Before a restore that was then called off, what was not shipped was saved on a branch, or was what the restore would
 * have brought: of two volumes, one of which was new, no state of the main line could be made; and one whose mark is
 * dirty may be changed already, as far as its mark tells.
 */
function isPutAside(
  chronicle: Chronicle,
  { volumes }: Pod,
  root: number,
  { content, dirty }: Before,
): boolean {
  return (
    (volumes.length > 1 || dirty) &&
    (content.size === 0 || // that everything was deleted is never committed
      chronicle
        .versions()
        .some(({ n }) => sameContent(onRoot(chronicle.contentOfVersion(n), root), content)))
  )
}
