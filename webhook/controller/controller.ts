/** The service's part for pods that run: what agents ask and report, and the leader's eye on all of them. It never stands in the data path. */
import type { Logger } from 'pino'
import type { Clock } from '../../shared/clock.ts'
import type { KeptPins } from '../admission/kept-pins.ts'
import type { PinResolver } from '../inject/pin-resolver.ts'
import { AgentReports, type ReportCounts } from './agent-reports.ts'
import { podStateOf, type AgentsApi } from './agents-api.ts'
import { rememberCallers, type TokenReviewer } from './caller.ts'
import type { HasClosed } from './ended-pods.ts'
import type { Events } from './events.ts'
import { PinKeeper } from './pin-keeper.ts'
import type { Pods } from './pod-facts.ts'
import type { PodFeed } from './pod-feed.ts'
import { PodWatch } from './pod-watch.ts'
import { runHook, type HookSeams } from './run-hook.ts'
import { toldOnce } from './told-once.ts'

/** What it needs of the cluster. */
export interface ControllerPorts extends HookSeams {
  readonly pods: Pods
  readonly events: Events
  readonly review: TokenReviewer
  readonly feed: PodFeed
  readonly keptPins: KeptPins
  /** By the store. */
  readonly resolvePin: PinResolver
  readonly hasClosed: HasClosed
}

/** For the metrics, as it is now. */
export interface ControllerFacts extends ReportCounts {
  /** Pods by the reason of their condition; none where another replica leads. */
  readonly pods: ReadonlyMap<string, number>
  /** Of the pod that is furthest behind; 0 where another replica leads. */
  readonly lagSeconds: number
}

export interface Controller {
  readonly agents: AgentsApi
  facts(): ControllerFacts
  /** What one replica does for all, until the signal aborts. `watchedTo` is how far those before have come. */
  lead(signal: AbortSignal, watchedTo: string | null): Promise<void>
  /** How far this one has come while it leads; null: no further than those before. */
  watchedTo(): string | null
  /** Writes what agents have said, as far as there is time. */
  close(): Promise<void>
}

export function openController(ports: ControllerPorts, clock: Clock, log: Logger): Controller {
  const { pods } = ports
  const events = toldOnce(ports.events)
  const reports = new AgentReports({
    pods,
    events,
    clock,
    onError(error, pod, isFinal) {
      const facts = { err: error, namespace: pod.namespace, pod: pod.name }
      if (isFinal) log.error(facts, 'what an agent reported cannot be written')
      else log.debug(facts, 'what an agent reported is written later')
    },
  })
  const keeper = new PinKeeper({
    kept: ports.keptPins,
    resolve: ports.resolvePin,
    clock,
    onError: (error) => log.warn({ err: error }, 'what a pin means cannot be kept now'),
  })
  const watch = new PodWatch({
    onPod: (pod, signal) => keeper.see(pod, signal),
    feed: ports.feed,
    events,
    hasClosed: ports.hasClosed,
    clock,
    onError(error, news) {
      if (news === undefined) log.warn({ err: error }, 'pods cannot be watched now')
      else log.error({ err: error, told: news.told }, 'an Event cannot be told')
    },
    onStoreError: (error, { namespace, name }) =>
      log.warn({ err: error, namespace, pod: name }, 'the store cannot say how a pod has ended'),
  })
  return {
    agents: {
      review: rememberCallers(ports.review, clock),
      report: (caller, report) => reports.take(caller, report),
      podState: ({ namespace }, name, uid) => podStateOf(pods, namespace, name, uid),
      runHook: (caller, which) => runHook(ports, caller, which),
    },
    facts: () => ({
      pods: watch.standing(),
      lagSeconds: watch.lagSeconds(),
      ...reports.counts,
    }),
    lead: (signal, watchedTo) => watch.run(signal, watchedTo),
    watchedTo: () => watch.watchedTo,
    close: () => reports.close(),
  }
}
