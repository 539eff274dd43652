/** Pure: what a report says, and how soon it is worth sending. */
import type { Report } from '../../shared/service-contract.ts'
import { MAX_NAME, MAX_WORDS } from '../../shared/service-contract.ts'
import type { StatusFacts } from '../session/status.ts'
import { lagOf } from '../session/status.ts'

export type BackupAnswer = Report['backups'][number]

export function reportOf(
  facts: StatusFacts,
  backups: readonly BackupAnswer[],
  nowMs: number,
): Report {
  const { phase, ready, line, unfenced, lastVersion, lastComplete, unshippedBytes, slot } = facts
  const { restored } = facts
  return {
    stream: slot === null ? null : name(facts.stream),
    slot: slot === null ? null : name(slot),
    phase,
    reason: words(facts.reason),
    ready,
    line,
    unfenced,
    lastVersion,
    lastComplete,
    lagSeconds: lagOf(facts.unshippedSinceMs, nowMs),
    unshippedBytes,
    note: words(facts.note),
    problem: words(facts.problem),
    frozen: words(facts.frozen),
    restored: restored && { ...restored, request: words(restored.request) },
    backups: backups.map(({ request, version, problem }) => ({
      request: name(request),
      version,
      problem: problem === null ? null : words(problem),
    })),
  }
}

function words(text: string): string {
  return text.slice(0, MAX_WORDS)
}

function name(text: string): string {
  return text.slice(0, MAX_NAME)
}

/** `news`: a person should know it at once. `progress`: it can wait, and is often overtaken meanwhile. */
export type Urgency = 'none' | 'progress' | 'news'

/** Of what is true now against what was heard last; undefined: nothing was. */
export function urgencyOf(heard: StatusFacts | undefined, now: StatusFacts): Urgency {
  if (heard === undefined || NEWS.some((fact) => heard[fact] !== now[fact])) return 'news'
  // A sentence that comes or goes is news; that it is worded anew, after another attempt, is not.
  if ((heard.problem === '') !== (now.problem === '')) return 'news'
  if ((heard.frozen === '') !== (now.frozen === '')) return 'news'
  if (heard.restored?.request !== now.restored?.request) return 'news'
  return PROGRESS.some((fact) => heard[fact] !== now[fact]) ? 'progress' : 'none'
}

const NEWS = [
  'stream',
  'slot',
  'phase',
  'ready',
  'line',
  'unfenced',
  'lastComplete',
  'note',
] as const
const PROGRESS = [
  'reason',
  'problem',
  'frozen',
  'lastVersion',
  'unshippedSinceMs',
  'unshippedBytes',
] as const
