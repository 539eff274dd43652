/**
 * The judge of a history. It sees every object as it comes to be in the bucket, every byte that changes in a volume, and
 * what agents tell people, and knows what is true by itself. Its rules are those of DESIGN section 5.
 */
import { createHash } from 'node:crypto'
import { HoldfastError } from '../../shared/errors.ts'
import type { LogRecord, VersionRecord } from '../../shared/repository/log-record.ts'
import { versionKey } from '../../shared/repository/object-keys.ts'
import type { TrueHead, Truth } from './log-truth.ts'
import { isSettled, lineageOfRequest, lineageToResume, stateFault, truthOf } from './log-truth.ts'
import type { Pod, Volume } from './pod.ts'
import { contentOf, requestOf } from './pod.ts'
import { objectsOfVersion, readRecord, readVersion } from './read-object.ts'
import type { Bucket, Create } from './sim-store.ts'
import { SIGNATURE_MS } from './sim-store.ts'
import type { Content } from './values.ts'
import { onRoot, readContent, sameContent, showContent } from './values.ts'

const EMPTY: Content = new Map()
/** What a commit refers to is younger than an hour when it is signed, and a signature lives for a quarter of one. */
const FRESH_MS = 60 * 60 * 1000 + SIGNATURE_MS

export interface OracleWorld {
  readonly bucket: Bucket
  readonly pods: readonly Pod[]
  note(line: string): void
  nowMs(): number
}

export class Oracle {
  /** The first thing that each broken rule was broken by. */
  readonly violations = new Map<string, string>()
  readonly records: LogRecord[] = []
  acknowledged = 0
  readonly #contents = new Map<number, Content>([[0, EMPTY]])
  /** By declared path and version: what the volume that the version was captured from had been before. */
  readonly #origins = new Map<string, number>()
  readonly #objects = new Map<number, ReadonlySet<string>>()
  readonly #ids = new Map<string, string>()
  readonly #storedMs = new Map<number, number>()
  /** `name=value` of every file in any version. */
  readonly #kept = new Set<string>()
  readonly #world: OracleWorld

  constructor(world: OracleWorld) {
    this.#world = world
  }

  violate(rule: string, why: string): void {
    if (this.violations.has(rule)) return
    this.violations.set(rule, why)
    this.#world.note(`!! ${rule}: ${why}`)
  }

  /** The files of a version, as they were when it was made. */
  contentOfVersion(n: number): Content {
    return this.#contents.get(n) ?? EMPTY
  }

  /** A number whose files are those of a record: a version itself, or what a restore resolved to. */
  #contentAt(n: number): Content {
    const record = this.records.find((other) => other.n === n)
    return this.contentOfVersion(record?.kind === 'restore' ? record.resolved : n)
  }

  versions(): VersionRecord[] {
    return this.records.filter((record) => record.kind === 'version')
  }

  truth(): Truth {
    return truthOf(this.records)
  }

  podOf(writer: string): Pod | undefined {
    return this.#world.pods.find(({ name }) => writer.startsWith(`${name}.`))
  }

  // ---- what comes to be in the bucket ----

  onCreated({ key, body, sender, signedMs }: Create): void {
    if (!key.includes('/versions/')) return
    const record = readRecord(body)
    const { n } = record
    this.#judgeNumber(record, body)
    const before = this.truth()
    const pod = this.podOf(sender)
    this.#world.note(`  + ${describe(record)}`)
    if (!record.branch) this.#judgeMain(record, before, pod)
    this.records.push(record)
    this.#storedMs.set(n, this.#world.nowMs())
    const fault = stateFault(record, this.truth())
    if (fault !== undefined) this.violate('carried log state is wrong', fault)
    if (record.kind === 'version') this.#judgeVersion(record, before, pod, signedMs)
    if (record.kind !== 'open' || pod === undefined) return
    rememberBefore(pod)
    // An `open` that was on its way when its pod was told to stop, or that comes from beyond the cluster, is nobody's fault.
    if (!pod.alive || !pod.inCluster || pod.terminatedMs !== undefined)
      for (const other of this.#world.pods) if (other !== pod) other.disturbed = true
  }

  #judgeNumber(record: LogRecord, body: Buffer): void {
    const { n, id } = record
    const newest = this.records.at(-1)?.n ?? 0
    if (this.records.some((other) => other.n === n))
      this.violate('a number was used twice', `v${n} was there before with another body`)
    else if (n !== newest + 1)
      this.violate('a commit is not the next number', `v${n} comes after v${newest}`)
    const hash = createHash('sha256').update(body).digest('hex')
    if ((this.#ids.get(id) ?? hash) !== hash)
      this.violate('an id stands for two bodies', `id of v${n}`)
    this.#ids.set(id, hash)
  }

  #judgeMain(record: LogRecord, before: Truth, pod: Pod | undefined): void {
    const { n, kind, writer } = record
    if (kind === 'open') return this.#judgeOpen(record, before, pod)
    if (before.owner?.writer !== writer)
      this.violate(
        'a superseded writer wrote to the main line',
        `${kind} v${n} of ${writer}, owner is ${before.owner?.writer}`,
      )
    if (kind === 'restore') return this.#judgeRestore(record, before)
    if (record.lineage !== before.lineage)
      this.violate('a record is on the wrong lineage', `v${n} is on ${record.lineage}`)
    if (record.parent !== (before.head?.version ?? 0))
      this.violate(
        'latest does not descend from latest',
        `v${n} has parent v${record.parent}, the head is v${before.head?.version ?? 0}`,
      )
  }

  #judgeOpen(record: LogRecord & { kind: 'open' }, before: Truth, pod: Pod | undefined): void {
    if (pod === undefined || pod.letGo) return
    const request = requestOf(pod)
    const lineage = lineageOfRequest(this.records, request) ?? lineageToResume(this.records)
    if (record.lineage !== lineage)
      this.violate(
        'a start took up the wrong lineage',
        `v${record.n} of ${record.writer} (request ${request}) takes up ${record.lineage}, not ${lineage}; current is ${before.lineage}`,
      )
  }

  #judgeRestore(record: LogRecord & { kind: 'restore' }, before: Truth): void {
    const { n, request, resolved, left } = record
    const again = this.records.some(
      (other) => other.kind === 'restore' && other.request === request,
    )
    // What a declaration says about empty volumes is asked by each start anew.
    if (again && !request.startsWith('whenEmpty:'))
      this.violate('a request was resolved twice', `${request} by v${n}`)
    const asked = askedVersion(request)
    if (asked !== undefined && resolved !== asked)
      this.violate('a request resolved to the wrong version', `${request} to v${resolved}`)
    if (left.lineage !== before.lineage || (left.head?.n ?? 0) !== (before.head?.n ?? 0))
      this.violate(
        'a restore forgets its way back',
        `v${n} leaves ${left.lineage} at v${left.head?.n}, the log is on ${before.lineage} at v${before.head?.n}`,
      )
  }

  #judgeVersion(
    record: VersionRecord,
    before: Truth,
    pod: Pod | undefined,
    signedMs: number,
  ): void {
    const { n } = record
    let content: Content = EMPTY
    try {
      content = readVersion((name) => this.#fetch(name), n)
      this.#objects.set(
        n,
        objectsOfVersion((name) => this.#fetch(name), n),
      )
    } catch (error) {
      this.violate('a version cannot be read', `v${n}: ${String(error)}`)
    }
    this.#contents.set(n, content)
    this.#world.note(`    ${showContent(content)}`)
    for (const [name, value] of content) this.#kept.add(`${name}=${value}`)
    this.#judgeFreshness(record, before, signedMs)
    if (pod === undefined) return
    const state = pod.states.findLast((seen) => sameContent(seen.content, content))
    if (state === undefined)
      this.violate('a version is what its volume never was', `v${n} ${showContent(content)}`)
    else if (state.half)
      this.violate('a half-restored volume was committed', `v${n} ${showContent(content)}`)
    if (record.branch) this.#judgeParent(record, pod)
    else this.#judgeDescent(n, before, pod)
    for (const volume of pod.volumes) {
      this.#origins.set(`${volume.root}/${n}`, volume.tip)
      volume.tip = n
    }
  }

  /** A main version must be captured from volumes that are, or continue, the head. */
  #judgeDescent(n: number, { head }: Truth, pod: Pod): void {
    if (head === undefined) return
    for (const { name, tip, root } of pod.volumes) {
      const isHead = this.#isHeadOrNewer(root, tip, head)
      if (!isHead)
        this.violate(
          'a stale volume became latest',
          `v${n} was captured from ${name}, which is at v${tip}; latest was v${head.n}`,
        )
    }
  }

  /** Whose state a branch says that it continues. */
  #judgeParent({ n, parent }: VersionRecord, pod: Pod): void {
    const at = this.records.findLast(
      (record) => record.n === parent || (record.kind === 'restore' && record.resolved === parent),
    )
    if (parent === 0 || at === undefined) return
    for (const { name, tip, root } of pod.volumes)
      if (
        !this.#continues(root, tip, { n: parent }) &&
        !this.#continues(root, tip, { n: at.n }) &&
        !this.#sameOn(root, tip, parent)
      )
        this.violate(
          'a branch names a parent that it does not continue',
          `v${n} of ${name}, which is at v${tip}, names v${parent}`,
        )
  }

  /** Was a volume at version `tip` when it was head, or later, on whatever branch? */
  #continues(root: number, tip: number, head: { n: number }): boolean {
    const seen = new Set<number>()
    for (let n = tip; n !== 0 && !seen.has(n); n = this.#origins.get(`${root}/${n}`) ?? 0) {
      if (n === head.n) return true
      seen.add(n)
    }
    return false
  }

  #sameOn(root: number, a: number, b: number): boolean {
    return sameContent(onRoot(this.#contentAt(a), root), onRoot(this.#contentAt(b), root))
  }

  #judgeFreshness(record: VersionRecord, { head }: Truth, signedMs: number): void {
    const { n, branch } = record
    const recent = [...this.#storedMs].filter(
      ([m, storedMs]) => m !== n && signedMs - storedMs <= FRESH_MS,
    )
    const safe = new Set(recent.flatMap(([m]) => [...(this.#objects.get(m) ?? [])]))
    if (!branch && head !== undefined)
      for (const name of this.#objects.get(head.version) ?? []) safe.add(name)
    for (const name of this.#objects.get(n) ?? []) {
      const storedMs = this.#world.bucket.named(name)?.storedMs ?? -Infinity
      if (!safe.has(name) && signedMs - storedMs > FRESH_MS)
        this.violate('a commit refers to what may be pruned', `v${n} refers to ${name}`)
    }
  }

  #fetch(name: string): Buffer {
    const held = this.#world.bucket.named(name)
    if (held === undefined) throw new Error(`${name} is not there`)
    return held.body
  }

  // ---- what agents tell people ----

  onAcknowledged(pod: Pod, n: number): void {
    this.acknowledged += 1
    const held = this.#world.bucket.objects.get(
      versionKey({ namespace: 'model', app: 'app', slot: '0' }, n),
    )
    const record = held === undefined ? undefined : readRecord(held.body)
    if (record?.kind !== 'version' || record.writer !== pod.agent.task.writer)
      return this.violate(
        'an acknowledged version is not in the store',
        `v${n} of ${pod.agent.task.writer}`,
      )
  }

  /** An agent waits for the scheduler again. */
  afterRun(pod: Pod): void {
    this.#judgeChanges(pod)
    const { agent } = pod
    // Told to stop, and refused by the store: it ends and says so.
    const refused = agent.stopped && agent.failure instanceof HoldfastError
    if (agent.failure !== undefined && !refused)
      this.violate('an agent ended with an error', String((agent.failure as Error).stack))
    if (!pod.appRuns || agent.ended || !agent.task.reliableHints) return
    const { phase, unshippedSinceMs } = agent.status.facts
    if (phase !== 'running' || unshippedSinceMs !== undefined) return
    const content = contentOf(pod.volumes)
    if (content.size > 0 && !this.isKept(content))
      this.violate(
        'said to be shipped, and in no version',
        `${agent.task.writer} has ${showContent(content)}`,
      )
  }

  /** Some version is exactly this. */
  isKept(content: Content, only: (record: VersionRecord) => boolean = () => true): boolean {
    return this.versions().some(
      (record) => only(record) && sameContent(this.contentOfVersion(record.n), content),
    )
  }

  /** The agent may have changed its pod's volumes: what it took away must be in some version. */
  #judgeChanges(pod: Pod): void {
    let touched = false
    for (const volume of pod.volumes) {
      const now = readContent(volume.dir, volume.root)
      if (sameContent(now, volume.content)) continue
      touched = true
      if (pod.appRuns && this.#canKnow(pod))
        this.violate(
          'bytes changed under a running app',
          `${pod.name}: ${showContent(volume.content)} became ${showContent(now)}`,
        )
      for (const [name, value] of volume.content)
        if (now.get(name) !== value && !this.#kept.has(`${name}=${value}`))
          this.violate('a restore destroyed what no version holds', `${name}=${value}`)
      this.#world.note(`    ${volume.name} is now ${showContent(now)}`)
      volume.content = now
      const target = this.#targetOf(pod)
      volume.half = !sameContent(now, onRoot(this.contentOfVersion(target.version), volume.root))
      if (!volume.half) volume.tip = target.n
    }
    if (touched) rememberState(pod)
  }

  /**
   * Can a restarted agent know that the app runs? Where another pod took the stream over before the first commit of an
   * app that began on an empty volume, nothing says so: no mark may lie there yet.
   */
  #canKnow(pod: Pod): boolean {
    const versions = this.versions().filter(
      ({ writer, reason }) => this.podOf(writer) === pod && reason !== 'safety',
    )
    const { writer } = pod.agent.task
    const open = this.records.find((record) => record.kind === 'open' && record.writer === writer)
    const { owner } = truthOf(this.records.filter(({ n }) => n < (open?.n ?? Infinity)))
    const wasOwner = owner !== undefined && this.podOf(owner.writer) === pod
    return pod.marked || versions.length > 0 || wasOwner
  }

  /** What the pod's agent is to bring its volumes to, by what it has written into the log. */
  #targetOf(pod: Pod): { n: number; version: number } {
    const own = this.#ownLine(pod)
    if (own === undefined) return { n: 0, version: 0 }
    const head = truthOf(this.records.filter(({ n }) => n <= own.n)).head
    return head ?? { n: 0, version: 0 }
  }

  /** The newest main `open` or `restore` of the pod's agent. */
  #ownLine(pod: Pod): (LogRecord & { kind: 'open' | 'restore' }) | undefined {
    const { writer } = pod.agent.task
    const own = this.records.filter((record) => record.writer === writer && !record.branch)
    return own.findLast((record) => record.kind === 'open' || record.kind === 'restore')
  }

  // ---- the moment at which an app is let go ----

  onLetGo(pod: Pod): void {
    if (pod.letGo) return // a restarted agent: that it changed nothing is judged elsewhere
    const own = this.#ownLine(pod)
    const target = this.contentOfVersion(this.#targetOf(pod).version)
    for (const { name, half, root, content } of pod.volumes)
      if (half && !sameContent(content, onRoot(target, root)))
        this.violate('the app started on a half-restored volume', `${pod.name} on ${name}`)
    if (own === undefined) return this.#judgeUnasked(pod)
    if (own.kind === 'restore') this.#judgeRestored(pod, own.resolved)
    else this.#judgeResumed(pod, own.n)
    if (this.violations.size > 0) return
    const { head } = truthOf(this.records.filter(({ n }) => n <= own.n))
    if (head !== undefined)
      for (const volume of pod.volumes) Object.assign(volume, { tip: head.n, half: false })
  }

  /** Without asking S3, or on marks that say that this pod's restore is over: nothing was changed, and nothing is owed. */
  #judgeUnasked(pod: Pod): void {
    for (const [i, { content, half }] of pod.before.entries()) {
      const volume = pod.volumes[i]
      if (volume !== undefined && (half || !sameContent(volume.content, content)))
        this.violate('later writes were discarded', `${pod.name} changed ${volume.name} unasked`)
    }
    const request = requestOf(pod)
    if (request === null) return
    const restore = this.records.find(
      (record) => record.kind === 'restore' && record.request === request,
    )
    if (restore === undefined || !isSettled(this.records, restore.lineage))
      this.violate('the app started without what was asked for', `${pod.name}: ${request}`)
  }

  #judgeRestored(pod: Pod, resolved: number): void {
    const request = requestOf(pod)
    const keeps = resolved === 0 && pod.pin === 'latest'
    const found = contentOf(pod.volumes)
    const wanted = keeps
      ? new Map(pod.before.flatMap(({ content }) => [...content]))
      : this.contentOfVersion(resolved)
    if (!sameContent(found, wanted))
      this.violate(
        'a new request did not restore its version',
        `${request}: wanted ${showContent(wanted)}, the app finds ${showContent(found)}`,
      )
  }

  /** A start that asks for nothing new: a volume that is the head, or newer, stays; any other comes to the head. */
  #judgeResumed(pod: Pod, open: number): void {
    const { head, settled } = truthOf(this.records.filter(({ n }) => n <= open))
    // A restore that others began is brought to its end, except where `latest` asks for what is there.
    const isOwed = !settled && !this.#keeps(pod, head)
    for (const [i, volume] of pod.volumes.entries()) {
      const before = pod.before[i]
      if (before === undefined) continue
      const { root } = volume
      const stays = !isOwed && !before.half && this.#isHeadOrNewer(root, before.tip, head)
      const wanted = stays ? before.content : this.#onRootOf(head, root)
      const isReset = before.tip !== head?.n && this.#isReset(volume, head)
      if (isReset || sameContent(volume.content, wanted)) continue
      if (this.#isPutAside(pod, root, before.content)) continue
      this.violate(
        'later writes were discarded',
        `${pod.name} on ${volume.name} (at v${before.tip}, head v${head?.n}): ${showContent(before.content)} should be ${showContent(wanted)}, is ${showContent(volume.content)}`,
      )
    }
  }

  /** Another lineage began with the very version that the volume had gone on from: the log wins. */
  #isReset({ root, content }: Volume, head: TrueHead | undefined): boolean {
    if (head?.restore !== true) return false
    return sameContent(content, this.#onRootOf(head, root))
  }

  #keeps({ pin }: Pod, head: TrueHead | undefined): boolean {
    return head?.version === 0 && pin === 'latest'
  }

  #onRootOf(head: TrueHead | undefined, root: number): Content {
    return onRoot(this.contentOfVersion(head?.version ?? 0), root)
  }

  #isHeadOrNewer(root: number, tip: number, head: TrueHead | undefined): boolean {
    return head === undefined || this.#continues(root, tip, head) || this.#sameOn(root, tip, head.n)
  }

  /**
   * Of two volumes, one of which was new, no state of the main line could be saved before a restore that was then called
   * off: a branch has what was not shipped.
   */
  #isPutAside({ volumes }: Pod, root: number, content: Content): boolean {
    return (
      volumes.length > 1 &&
      (content.size === 0 || // that everything was deleted is never committed
        this.versions().some(
          ({ n, reason, branch }) =>
            branch &&
            reason === 'safety' &&
            sameContent(onRoot(this.contentOfVersion(n), root), content),
        ))
    )
  }

  // ---- the end ----

  /** A pod that was told to stop has ended by itself. */
  onEnded(pod: Pod): void {
    const { status, task } = pod.agent
    if (this.#world.bucket.state !== 'up') return // it could not, and was not told to wait
    if (!pod.letGo || status.facts.problem !== '' || pod.agent.failure !== undefined) return
    const content = contentOf(pod.volumes)
    if (content.size === 0) return
    if (!this.isKept(content))
      return this.violate(
        'a graceful stop shipped not all',
        `${task.writer} ended with ${showContent(content)}`,
      )
    if (pod.disturbed || this.isKept(content, ({ branch }) => !branch)) return
    this.violate('the last flush of a graceful stop went to a branch', task.writer)
  }

  /** Everything that was ever made is still what it was. */
  judgeStore(): void {
    for (const { n } of this.versions()) {
      try {
        const content = readVersion((name) => this.#fetch(name), n)
        if (!sameContent(content, this.contentOfVersion(n)))
          this.violate('a version changed', `v${n} is now ${showContent(content)}`)
      } catch (error) {
        this.violate('a version cannot be read', `v${n}: ${String(error)}`)
      }
    }
  }
}

/** The version that a request names by itself. */
function askedVersion(request: string): number | undefined {
  const [pin = ''] = request.split('/')
  if (pin === 'fresh' || pin === 'whenEmpty:fresh') return 0
  return /^v\d+$/.test(pin) ? Number(pin.slice(1)) : undefined
}

export function rememberState(pod: Pod): void {
  pod.states.push({
    content: contentOf(pod.volumes),
    half: pod.volumes.some(({ half }) => half),
  })
}

export function rememberBefore(pod: Pod): void {
  pod.before = pod.volumes.map(({ content, tip, half }) => ({ content, tip, half }))
}

function describe(record: LogRecord): string {
  const { n, kind, branch, writer, lineage, parent } = record
  const more =
    kind === 'restore'
      ? ` ${record.request} -> v${record.resolved}`
      : kind === 'version'
        ? ` (${record.reason})`
        : ''
  return `v${n} ${kind}${more}${branch ? ' (branch)' : ''} by ${writer} on ${lineage}, parent v${parent}`
}
