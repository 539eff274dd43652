import type { Probe } from './pod-spec.ts'

/** Results in a row, all of one kind. */
export interface ProbeRun {
  ok: boolean
  count: number
}

/** `undecided` keeps what held before. */
export type Verdict = 'passed' | 'failed' | 'undecided'

export function probeStep(
  probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>,
  previous: ProbeRun | undefined,
  ok: boolean,
): { run: ProbeRun; verdict: Verdict } {
  const run = { ok, count: previous?.ok === ok ? previous.count + 1 : 1 }
  if (ok) return { run, verdict: run.count >= probe.successThreshold ? 'passed' : 'undecided' }
  return { run, verdict: run.count >= probe.failureThreshold ? 'failed' : 'undecided' }
}

/** A probe that took longer than its period is followed by the next at once. */
export function probePauseMs(probe: Pick<Probe, 'periodSeconds'>, tookMs: number): number {
  return Math.max(0, probe.periodSeconds * 1000 - tookMs)
}
