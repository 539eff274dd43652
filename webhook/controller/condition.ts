/** Pure: what an agent's report says of its pod, as the condition `holdfast.dev/Protected`. */
import type { Report } from '../../shared/service-contract.ts'
import type { ProtectedCondition } from './pod-facts.ts'
import type { ConditionReason } from './reasons.ts'
import { toSecond, unshippedWords, type Unshipped } from './unshipped.ts'

export const CONDITION = 'holdfast.dev/Protected'

/** A report, and when it came (the service's clock: for people, and for differences of seconds). */
export interface HeardReport {
  readonly report: Report
  readonly at: Date
}

type Verdict = Pick<ProtectedCondition, 'status' | 'message'> & { readonly reason: ConditionReason }

/** A report can be half a minute old before the next one comes, and a commit takes its time: later than this is late. */
const LAG_MARGIN_SECONDS = 30

/**
 * @param before the condition as it stands; the time of transition moves only with the status.
 * @param withinMs what the pod was promised.
 */
export function conditionOf(
  heard: HeardReport,
  withinMs: number,
  before: ProtectedCondition | null,
): ProtectedCondition {
  const verdict = verdictOf(heard.report, withinMs)
  const unshipped = unshippedOf(heard)
  const message =
    unshipped === undefined ? verdict.message : `${verdict.message}; ${unshippedWords(unshipped)}`
  const heardAt = toSecond(heard.at)
  const since = before?.status === verdict.status ? before.since : heardAt
  return { ...verdict, message, since, heardAt }
}

function unshippedOf({ report, at }: HeardReport): Unshipped | undefined {
  if (report.lagSeconds === 0 && report.unshippedBytes === 0) return undefined
  const since = toSecond(new Date(at.getTime() - report.lagSeconds * 1000))
  return { bytes: report.unshippedBytes, since }
}

/** What keeps versions from being made comes before what is wrong with those that are. */
function verdictOf(report: Report, withinMs: number): Verdict {
  if (report.frozen !== '') return no('AppFrozen', report.frozen)
  if (report.phase === 'ended') return endedVerdict(report)
  if (report.problem !== '') return no(reasonOf(report.problem), report.problem)
  if (report.line === 'superseded')
    return no(
      'Superseded',
      'another pod writes this stream now; what this one still writes goes to a branch, which a restart does not resume',
    )
  if (report.unfenced)
    return no(
      'Unfenced',
      'the bucket overwrites what a conditional PUT should have refused: two writers would not notice each other',
    )
  return verdictOfPhase(report) ?? runningVerdict(report, withinMs)
}

function endedVerdict(report: Report): Verdict {
  if (report.lagSeconds > 0 || report.unshippedBytes > 0)
    return no('Ended', `the agent has ended before everything was shipped${because(report)}`)
  return { status: 'True', reason: 'Ended', message: `ended in order, ${newest(report)}` }
}

function because({ problem }: Report): string {
  return problem === '' ? '' : ` (${problem})`
}

function verdictOfPhase({ phase, reason }: Report): Verdict | undefined {
  switch (phase) {
    case 'starting':
      return { status: 'Unknown', reason: 'Starting', message: reason }
    case 'waiting':
      return { status: 'Unknown', reason: 'WaitingForHandOver', message: reason }
    case 'holding':
      return no('Holding', reason)
    case 'restoring':
      return { status: 'Unknown', reason: 'Restoring', message: reason }
    case 'running':
    case 'draining':
    case 'ended':
      return undefined
  }
}

function runningVerdict(report: Report, withinMs: number): Verdict {
  if (report.lastVersion > 0 && !report.lastComplete)
    return no(
      'Partial',
      `v${report.lastVersion} lacks what could not be read: holdfast show lists it`,
    )
  const seconds = Math.round(report.lagSeconds)
  if (report.lagSeconds > withinMs / 1000 + LAG_MARGIN_SECONDS)
    return no(
      'Lagging',
      `${newest(report)}, ${seconds} s behind; promised are ${withinMs / 1000} s`,
    )
  return { status: 'True', reason: 'Protected', message: newest(report) }
}

function newest({ lastVersion, lastComplete }: Report): string {
  if (lastVersion === 0) return 'nothing has changed since this pod started'
  return `v${lastVersion} is the newest version${lastComplete ? '' : ', and partial'}`
}

function no(reason: ConditionReason, message: string): Verdict {
  return { status: 'False', reason, message }
}

/** By the words that a store's refusals are told in. */
function reasonOf(problem: string): ConditionReason {
  if (/credentials/.test(problem)) return 'AccessDenied'
  if (/try again later/.test(problem)) return 'StoreUnreachable'
  return 'NotShipping'
}
