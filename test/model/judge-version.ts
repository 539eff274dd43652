/** What a version may hold, what it may continue, and what it may refer to. */
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { Chronicle } from './chronicle.ts'
import type { Truth } from './log-truth.ts'
import type { Pod } from './pod.ts'
import { objectsOfVersion, readVersion } from './read-object.ts'
import { SIGNATURE_MS } from './sim-store.ts'
import type { Content } from './values.ts'
import { sameContent, showContent } from './values.ts'

/** What a commit refers to is younger than an hour when it is signed, and a signature lives for a quarter of one. */
const FRESH_MS = 60 * 60 * 1000 + SIGNATURE_MS

/** @param before what the log said before the version. */
export function judgeVersion(
  chronicle: Chronicle,
  record: VersionRecord,
  before: Truth,
  pod: Pod | undefined,
  signedMs: number,
): void {
  const { n } = record
  let content: Content = new Map()
  try {
    content = readVersion((name) => chronicle.fetch(name), n)
    chronicle.objects.set(
      n,
      objectsOfVersion((name) => chronicle.fetch(name), n),
    )
  } catch (error) {
    chronicle.violate('a version cannot be read', `v${n}: ${String(error)}`)
  }
  chronicle.contents.set(n, content)
  chronicle.note(`    ${showContent(content)}`)
  for (const [name, value] of content) chronicle.kept.add(`${name}=${value}`)
  judgeFreshness(chronicle, record, before, signedMs)
  if (pod === undefined) return
  const state = pod.states.findLast((was) => sameContent(was.content, content))
  if (state === undefined)
    chronicle.violate('a version is what its volume never was', `v${n} ${showContent(content)}`)
  else if (state.half)
    chronicle.violate('a half-restored volume was committed', `v${n} ${showContent(content)}`)
  if (record.branch) judgeParent(chronicle, record, pod)
  else judgeDescent(chronicle, n, before, pod)
  for (const volume of pod.volumes) {
    chronicle.origins.set(`${volume.root}/${n}`, volume.tip)
    volume.tip = n
  }
}

/** A main version must be captured from volumes that are, or continue, the head. */
function judgeDescent(chronicle: Chronicle, n: number, { head }: Truth, pod: Pod): void {
  if (head === undefined) return
  for (const { name, tip, root } of pod.volumes) {
    const isHead = chronicle.isHeadOrNewer(root, tip, head)
    if (!isHead)
      chronicle.violate(
        'a stale volume became latest',
        `v${n} was captured from ${name}, which is at v${tip}; latest was v${head.n}`,
      )
  }
}

/** Whose state a branch says that it continues. */
function judgeParent(chronicle: Chronicle, { n, parent }: VersionRecord, pod: Pod): void {
  const at = chronicle.records.findLast(
    (record) => record.n === parent || (record.kind === 'restore' && record.resolved === parent),
  )
  if (parent === 0 || at === undefined) return
  for (const { name, tip, root } of pod.volumes)
    if (
      !chronicle.continues(root, tip, { n: parent }) &&
      !chronicle.continues(root, tip, { n: at.n }) &&
      !chronicle.sameOn(root, tip, parent)
    )
      chronicle.violate(
        'a branch names a parent that it does not continue',
        `v${n} of ${name}, which is at v${tip}, names v${parent}`,
      )
}

function judgeFreshness(
  chronicle: Chronicle,
  record: VersionRecord,
  { head }: Truth,
  signedMs: number,
): void {
  const { n, branch } = record
  const recent = [...chronicle.storedMs].filter(
    ([m, storedMs]) => m !== n && signedMs - storedMs <= FRESH_MS,
  )
  const safe = new Set(recent.flatMap(([m]) => [...(chronicle.objects.get(m) ?? [])]))
  if (!branch && head !== undefined)
    for (const name of chronicle.objects.get(head.version) ?? []) safe.add(name)
  for (const name of chronicle.objects.get(n) ?? []) {
    const storedMs = chronicle.world.bucket.named(name)?.storedMs ?? -Infinity
    if (!safe.has(name) && signedMs - storedMs > FRESH_MS)
      chronicle.violate('a commit refers to what may be pruned', `v${n} refers to ${name}`)
  }
}
