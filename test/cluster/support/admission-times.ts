/** How long the API server waited for our webhook, by its own histogram. */
import { runTool } from '../../support/cluster-tools.ts'

/** Cumulative counts by upper bound in seconds. */
export type AdmissionTimes = ReadonlyMap<number, number>

const METRIC = 'apiserver_admission_webhook_admission_duration_seconds_bucket{'

export function admissionTimes(): AdmissionTimes {
  const counts = new Map<number, number>()
  for (const line of runTool('kubectl', 'get', '--raw', '/metrics').split('\n')) {
    if (!line.startsWith(METRIC) || !line.includes('name="pods.holdfast.dev"')) continue
    const bound = /le="([^"]+)"/.exec(line)?.[1] ?? ''
    const upper = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
    counts.set(upper, (counts.get(upper) ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1)))
  }
  return counts
}

/** The bound below which this share of the calls between the two looks was answered, in seconds, and their number. */
export function shareBelow(before: AdmissionTimes, after: AdmissionTimes, share: number) {
  const grown = [...after]
    .toSorted(([a], [b]) => a - b)
    .map(([bound, count]): [number, number] => [bound, count - (before.get(bound) ?? 0)])
  const calls = grown.at(-1)?.[1] ?? 0
  const bound = grown.find(([, count]) => count >= calls * share)?.[0]
  return { calls, seconds: bound ?? Number.NaN }
}
