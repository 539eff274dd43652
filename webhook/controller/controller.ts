/** The service's part for pods that run: what agents ask and report. It never stands in the data path. */
import type { Logger } from 'pino'
import type { Clock } from '../../shared/clock.ts'
import { AgentReports } from './agent-reports.ts'
import { podStateOf, type AgentsApi } from './agents-api.ts'
import { rememberCallers, type TokenReviewer } from './caller.ts'
import type { Events } from './events.ts'
import type { Pods } from './pod-facts.ts'
import { runHook, type HookSeams } from './run-hook.ts'

/** What it needs of the cluster. */
export interface ControllerPorts extends HookSeams {
  readonly pods: Pods
  readonly events: Events
  readonly review: TokenReviewer
}

export interface Controller {
  readonly agents: AgentsApi
  /** Writes what agents have said, as far as there is time. */
  close(): Promise<void>
}

export function openController(ports: ControllerPorts, clock: Clock, log: Logger): Controller {
  const { pods, events } = ports
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
  return {
    agents: {
      review: rememberCallers(ports.review, clock),
      report: (caller, report) => reports.take(caller, report),
      podState: ({ namespace }, name, uid) => podStateOf(pods, namespace, name, uid),
      runHook: (caller, which) => runHook(ports, caller, which),
    },
    close: () => reports.close(),
  }
}
