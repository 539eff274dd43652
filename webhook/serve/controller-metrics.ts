import { Counter, Gauge, type Metric, type Registry } from 'prom-client'
import type { ControllerFacts } from '../controller/controller.ts'

/** Registers what the controller knows; it is asked each time that the metrics are shown. */
export function registerController(registry: Registry, facts: () => ControllerFacts): void {
  const metrics: Metric[] = [
    pods(() => facts().pods),
    gauge(
      'holdfast_webhook_pod_lag_seconds',
      'Since when the pod that is furthest behind has something unshipped; the leader shows it.',
      () => facts().lagSeconds,
    ),
    gauge(
      'holdfast_webhook_pod_writes_waiting',
      'Pods whose report waits to be written.',
      () => facts().waiting,
    ),
    counter('holdfast_webhook_reports_total', 'Reports of agents.', () => facts().reports),
    counter(
      'holdfast_webhook_pod_writes_total',
      'Writes of conditions and annotations.',
      () => facts().writes,
    ),
  ]
  for (const metric of metrics) registry.registerMetric(metric)
}

function pods(standing: () => ReadonlyMap<string, number>): Metric {
  return new Gauge({
    name: 'holdfast_webhook_pods',
    help: 'Pods that declare state, by the reason of their condition; the leader shows them.',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset()
      for (const [reason, count] of standing()) this.set({ reason }, count)
    },
  })
}

function gauge(name: string, help: string, value: () => number): Metric {
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(value())
    },
  })
}

function counter(name: string, help: string, total: () => number): Metric {
  return new Counter({
    name,
    help,
    registers: [],
    collect() {
      this.reset()
      this.inc(total())
    },
  })
}
