/** Takes what agents report: each is answered at once, and what its pod is to say of it is queued. */
import type { Clock } from '../../shared/clock.ts'
import type { Report, ReportAnswer } from '../../shared/service-contract.ts'
import { ClusterError } from '../kubernetes/cluster-error.ts'
import { Bounded } from './bounded.ts'
import { conditionOf, type HeardReport } from './condition.ts'
import type { Events } from './events.ts'
import { imagesOf } from './image-digests.ts'
import { planWrite, type PodPlan } from './plan-write.ts'
import { newsOfEnd } from './pod-news.ts'
import type { PodRef, Pods } from './pod-facts.ts'
import { WriteQueue, type Entry } from './write-queue.ts'

export interface ReportSeams {
  readonly pods: Pods
  readonly events: Events
  readonly clock: Clock
  /** Something could not be told or written; `isFinal`: and will not be tried again. */
  readonly onError: (error: unknown, pod: PodRef, isFinal: boolean) => void
}

/** Of each replica: two of them write 20 pods a second at most, which etcd does not notice. */
const PER_SECOND = 10
const BURST = 20
/** A container that starts again may run another image by the same tag. */
const IMAGES_MS = 300_000
const PODS = 20_000
/** What a stop may take to write what has been heard. */
const SETTLE_MS = 5_000

export interface ReportCounts {
  /** Since the start: reports, and writes for them. */
  readonly reports: number
  readonly writes: number
  /** Pods that wait to be written. */
  readonly waiting: number
}

interface KnownImages {
  readonly images: ReportAnswer['images']
  readonly untilMs: number
}

export class AgentReports {
  readonly #seams: ReportSeams
  readonly #queue: WriteQueue
  /** By pod, what its last report came down to: the same again is progress. */
  readonly #standing = new Bounded<string, string>(PODS)
  readonly #images = new Bounded<string, KnownImages>(PODS)
  #reports = 0
  #writes = 0

  constructor(seams: ReportSeams) {
    this.#seams = seams
    const { clock, onError } = seams
    const write = async (entry: Entry) => {
      if (await deliver(seams, entry)) this.#writes += 1
    }
    this.#queue = new WriteQueue({ clock, write, onError, perSecond: PER_SECOND, burst: BURST })
  }

  get counts(): ReportCounts {
    return { reports: this.#reports, writes: this.#writes, waiting: this.#queue.length }
  }

  /**
   * A report that answers a request (`backups`) is answered when the pod says so: the agent tells it once, and forgets
   * what was heard. So is the last one: the pod goes with its containers, and would go saying that something is unshipped.
   * Throws what the API server throws.
   */
  async take(pod: PodRef, report: Report): Promise<ReportAnswer> {
    this.#reports += 1
    const heard = { report, at: this.#seams.clock.now() }
    const written = this.#queue.put({ pod, heard }, this.#isNews(pod, report))
    const images = await this.#imagesOf(pod)
    if (report.backups.length > 0 || report.phase === 'ended') await written
    return { images }
  }

  /** Writes what has been heard, as far as there is time. */
  async close(): Promise<void> {
    await Promise.race([this.#queue.settled(), this.#seams.clock.sleep(SETTLE_MS)])
  }

  #isNews(pod: PodRef, report: Report): boolean {
    const { clock } = this.#seams
    // Whether it lags depends on what the pod was promised: that it does is no news, for lag takes its time.
    const { reason } = conditionOf({ report, at: clock.now() }, Infinity, null)
    const { slot, note, restored } = report
    const standing = JSON.stringify([reason, slot, note, restored])
    const isSame = this.#standing.get(pod.uid) === standing
    this.#standing.set(pod.uid, standing)
    return !isSame || report.backups.length > 0
  }

  async #imagesOf(pod: PodRef): Promise<ReportAnswer['images']> {
    const nowMs = this.#seams.clock.monotonicMs()
    const known = this.#images.get(pod.uid)
    if (known !== undefined && known.untilMs > nowMs) return known.images
    const containers = await this.#seams.pods.containers(pod)
    const images = imagesOf(containers)
    const isKnown = containers.length > 0 && containers.every(({ imageId }) => imageId !== '')
    if (isKnown) this.#images.set(pod.uid, { images, untilMs: nowMs + IMAGES_MS })
    return images
  }
}

/** Answers whether the pod was written. */
async function deliver(
  { pods, events, onError }: ReportSeams,
  { pod, heard }: Entry,
): Promise<boolean> {
  const facts = await pods.read(pod.namespace, pod.name)
  // Gone meanwhile: there is nobody left to say it, and only this report knows how it ended.
  const isGone = facts?.uid !== pod.uid
  const { told, write } = isGone ? lastWords(pod, heard) : planWrite(facts, heard)
  for (const one of told)
    await events.tell({ pod, owner: null }, one).catch((error: unknown) => {
      // As in a namespace that is being deleted. The pod's condition is told all the same.
      if (!(error instanceof ClusterError)) throw error
      onError(error, pod, true)
    })
  if (write === null || isGone) return false
  await pods.write(facts, write)
  return true
}

function lastWords(pod: PodRef, heard: HeardReport): PodPlan {
  if (heard.report.phase !== 'ended') return { told: [], write: null }
  const condition = conditionOf(heard, Infinity, null)
  const told = newsOfEnd({ ...pod, owner: null, condition }).map((news) => news.told)
  return { told, write: null }
}
