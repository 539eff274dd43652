/**
 * What has come to be in a history: every record, and the files, the origin and the age of every version. Judges ask it
 * for what is true, and tell it what broke a rule.
 */
import type { LogRecord, VersionRecord } from '../../shared/repository/log-record.ts'
import type { TrueHead, Truth } from './log-truth.ts'
import { truthOf } from './log-truth.ts'
import type { Pod } from './pod.ts'
import type { Bucket } from './sim-store.ts'
import type { Content } from './values.ts'
import { onRoot, sameContent } from './values.ts'

const EMPTY: Content = new Map()

/** Where the history takes place. */
export interface Surroundings {
  readonly bucket: Bucket
  readonly pods: readonly Pod[]
  note(line: string): void
  nowMs(): number
}

export class Chronicle {
  /** The first thing that each broken rule was broken by. */
  readonly violations = new Map<string, string>()
  readonly records: LogRecord[] = []
  acknowledged = 0
  /** Files of each version, as they were when it was made. */
  readonly contents = new Map<number, Content>([[0, EMPTY]])
  /** By declared path and version: what the volume that the version was captured from had been before. */
  readonly origins = new Map<string, number>()
  /** Names of the objects that each version refers to. */
  readonly objects = new Map<number, ReadonlySet<string>>()
  /** The hash of the body that each id stands for. */
  readonly ids = new Map<string, string>()
  /** Virtual time at which each number was stored. */
  readonly storedMs = new Map<number, number>()
  /** `name=value` of every file in any version. */
  readonly kept = new Set<string>()
  readonly world: Surroundings

  constructor(world: Surroundings) {
    this.world = world
  }

  note(line: string): void {
    this.world.note(line)
  }

  violate(rule: string, why: string): void {
    if (this.violations.has(rule)) return
    this.violations.set(rule, why)
    this.note(`!! ${rule}: ${why}`)
  }

  /** The files of a version, as they were when it was made. */
  contentOfVersion(n: number): Content {
    return this.contents.get(n) ?? EMPTY
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
    return this.world.pods.find(({ name }) => writer.startsWith(`${name}.`))
  }

  /** Was a volume at version `tip` when it was head, or later, on whatever branch? */
  continues(root: number, tip: number, head: { n: number }): boolean {
    const seen = new Set<number>()
    for (let n = tip; n !== 0 && !seen.has(n); n = this.origins.get(`${root}/${n}`) ?? 0) {
      if (n === head.n) return true
      seen.add(n)
    }
    return false
  }

  sameOn(root: number, a: number, b: number): boolean {
    return sameContent(onRoot(this.#contentAt(a), root), onRoot(this.#contentAt(b), root))
  }

  fetch(name: string): Buffer {
    const held = this.world.bucket.named(name)
    if (held === undefined) throw new Error(`${name} is not there`)
    return held.body
  }

  /** Some version is exactly this. */
  isKept(content: Content, only: (record: VersionRecord) => boolean = () => true): boolean {
    return this.versions().some(
      (record) => only(record) && sameContent(this.contentOfVersion(record.n), content),
    )
  }

  /** What the pod's agent is to bring its volumes to, by what it has written into the log. */
  targetOf(pod: Pod): { n: number; version: number } {
    const own = this.ownLine(pod)
    if (own === undefined) return { n: 0, version: 0 }
    const head = truthOf(this.records.filter(({ n }) => n <= own.n)).head
    return head ?? { n: 0, version: 0 }
  }

  /** The newest main `open` or `restore` of the pod's agent. */
  ownLine(pod: Pod): (LogRecord & { kind: 'open' | 'restore' }) | undefined {
    const { writer } = pod.agent.task
    const own = this.records.filter((record) => record.writer === writer && !record.branch)
    return own.findLast((record) => record.kind === 'open' || record.kind === 'restore')
  }

  onRootOf(head: TrueHead | undefined, root: number): Content {
    return onRoot(this.contentOfVersion(head?.version ?? 0), root)
  }

  isHeadOrNewer(root: number, tip: number, head: TrueHead | undefined): boolean {
    if (head === undefined || this.isWhatIsThere(head)) return true
    return this.continues(root, tip, head) || this.sameOn(root, tip, head.n)
  }

  /** `latest` was asked for where there was no version: its state is what the volume holds. */
  isWhatIsThere(head: TrueHead): boolean {
    const record = this.records.find(({ n }) => n === head.n)
    if (record?.kind !== 'restore' || head.version !== 0) return false
    return /^latest(\/|$)/.test(record.request)
  }
}
