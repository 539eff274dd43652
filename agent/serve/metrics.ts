import type { StatusFacts } from '../session/status.ts'
import { lagOf } from '../session/status.ts'

/** The facts as Prometheus reads them. The library is loaded when the first scrape comes: most sidecars see none. */
export async function renderMetrics(
  facts: StatusFacts,
  nowMs: number,
): Promise<{ text: string; contentType: string }> {
  const { Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  const { stream } = facts
  const gauge = (name: string, help: string, value: number) => {
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      labelNames: ['stream'],
    }).set({ stream }, value)
  }
  gauge('ready', 'The app has been let go.', Number(facts.ready))
  gauge(
    'lag_seconds',
    'Since when something is not durable in the store; 0: all is.',
    lagOf(facts.unshippedSinceMs, nowMs),
  )
  gauge(
    'unshipped_bytes',
    'Bytes of changed files that could not be shipped yet.',
    facts.unshippedBytes,
  )
  gauge(
    'last_version',
    'Number of the last version of this writer; 0: none yet.',
    facts.lastVersion,
  )
  gauge(
    'last_version_complete',
    'The last version holds everything that was declared.',
    Number(facts.lastComplete),
  )
  gauge(
    'last_commit_timestamp_seconds',
    'Unix time of the last acknowledged version; 0: none yet.',
    facts.lastCommittedAtMs / 1000,
  )
  gauge(
    'superseded',
    'Another writer took the main line over.',
    Number(facts.line === 'superseded'),
  )
  gauge(
    'unfenced',
    'The bucket overwrites what a conditional PUT should have refused.',
    Number(facts.unfenced),
  )
  gauge('blocked', 'Something keeps changes from being committed.', Number(facts.problem !== ''))
  gauge(
    'app_frozen',
    'The hook backup.after fails: the app may still be frozen.',
    Number(facts.frozen !== ''),
  )
  return { text: await registry.metrics(), contentType: registry.contentType }
}
