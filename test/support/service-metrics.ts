import type { ControllerFacts } from '../../webhook/controller/controller.ts'
import { registerController } from '../../webhook/serve/controller-metrics.ts'
import { createMetrics } from '../../webhook/serve/metrics.ts'

const NOTHING_YET: ControllerFacts = {
  pods: new Map(),
  lagSeconds: 0,
  reports: 0,
  writes: 0,
  waiting: 0,
}

/** The names of the metrics that the service shows. */
export async function serviceMetrics(): Promise<string[]> {
  const { registry } = createMetrics()
  registerController(registry, () => NOTHING_YET)
  return (await registry.getMetricsAsJSON()).map(({ name }) => name)
}
