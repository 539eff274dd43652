import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AdmissionAnswer } from '../admission/review.ts'

export type AdmissionOutcome = AdmissionAnswer['outcome'] | 'bad_request'

/** What `/metrics` shows. A server has its own, so that two in one process do not mix. */
export interface Metrics {
  readonly registry: Registry
  /** @param path that the review was posted to. */
  admission(path: string, outcome: AdmissionOutcome, seconds: number): void
  certificateExpiry(expires: Date): void
}

/** The API server waits 5 seconds at most. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const admissions = new Counter({
    name: 'holdfast_webhook_admissions_total',
    help: 'Admission requests by path and outcome.',
    labelNames: ['path', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'holdfast_webhook_admission_duration_seconds',
    help: 'Time from the request to its answer.',
    labelNames: ['path'],
    buckets: SECONDS,
    registers,
  })
  const expiry = new Gauge({
    name: 'holdfast_webhook_certificate_expiry_timestamp_seconds',
    help: 'When the serving certificate ends.',
    registers,
  })
  return {
    registry,
    admission(path, outcome, duration) {
      admissions.inc({ path, outcome })
      seconds.observe({ path }, duration)
    },
    certificateExpiry: (expires) => expiry.set(expires.getTime() / 1000),
  }
}
