/**
 * The judge of a history. It sees every object as it comes to be in the bucket, every byte that changes in a volume, and
 * what agents tell people, and knows what is true by itself. Its rules are those of DESIGN section 5.
 */
import { versionKey } from '../../shared/repository/object-keys.ts'
import type { LogRecord } from '../../shared/repository/log-record.ts'
import { Chronicle, type Surroundings } from './chronicle.ts'
import { judgeEnd, judgeStore } from './judge-end.ts'
import { judgeMain, judgeNumber } from './judge-record.ts'
import { judgeRun } from './judge-run.ts'
import { judgeStart } from './judge-start.ts'
import { judgeVersion } from './judge-version.ts'
import { stateFault } from './log-truth.ts'
import type { Pod } from './pod.ts'
import { rememberBefore } from './pod.ts'
import { readRecord } from './read-object.ts'
import type { Create } from './sim-store.ts'

export class Oracle {
  readonly chronicle: Chronicle

  constructor(world: Surroundings) {
    this.chronicle = new Chronicle(world)
  }

  /** An object has come to be in the bucket. */
  onCreated({ key, body, sender, signedMs }: Create): void {
    const { chronicle } = this
    if (!key.includes('/versions/')) return
    const record = readRecord(body)
    judgeNumber(chronicle, record, body)
    const before = chronicle.truth()
    const pod = chronicle.podOf(sender)
    chronicle.note(`  + ${describe(record)}`)
    if (!record.branch) judgeMain(chronicle, record, before, pod)
    chronicle.records.push(record)
    chronicle.storedMs.set(record.n, chronicle.world.nowMs())
    const fault = stateFault(record, chronicle.truth())
    if (fault !== undefined) chronicle.violate('carried log state is wrong', fault)
    if (record.kind === 'version') judgeVersion(chronicle, record, before, pod, signedMs)
    if (record.kind === 'open' && pod !== undefined) this.#onOpened(pod)
  }

  #onOpened(pod: Pod): void {
    rememberBefore(pod)
    // An `open` that was on its way when its pod was told to stop, or that comes from beyond the cluster, is nobody's fault.
    if (!pod.alive || !pod.inCluster || pod.terminatedMs !== undefined)
      for (const other of this.chronicle.world.pods) if (other !== pod) other.disturbed = true
  }

  /** An agent tells people that a version is durable. */
  onAcknowledged(pod: Pod, n: number): void {
    const { chronicle } = this
    chronicle.acknowledged += 1
    const held = chronicle.world.bucket.objects.get(
      versionKey({ namespace: 'model', app: 'app', slot: '0' }, n),
    )
    const record = held === undefined ? undefined : readRecord(held.body)
    if (record?.kind !== 'version' || record.writer !== pod.agent.task.writer)
      chronicle.violate(
        'an acknowledged version is not in the store',
        `v${n} of ${pod.agent.task.writer}`,
      )
  }

  /** An agent waits for the scheduler again. */
  afterRun(pod: Pod): void {
    judgeRun(this.chronicle, pod)
  }

  /** An app may start. */
  onLetGo(pod: Pod): void {
    judgeStart(this.chronicle, pod)
  }

  /** A pod that was told to stop has ended by itself. */
  onEnded(pod: Pod): void {
    judgeEnd(this.chronicle, pod)
  }

  /** The history is over. */
  judgeStore(): void {
    judgeStore(this.chronicle)
  }
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
