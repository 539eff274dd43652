/** Pure: what a person should know once, as Events of the pod. */
import type { Report } from '../../shared/service-contract.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { backupMark, restoredMark } from './marks.ts'
import type { PodFacts, ProtectedCondition } from './pod-facts.ts'
import { TROUBLES, type EventReason, type Trouble } from './reasons.ts'

export interface Told {
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  /** CamelCase, what Holdfast was at. */
  readonly action: string
  readonly note: string
  /** Equal for the same thing told again, whichever replica tells it: of these only the first becomes an Event. */
  readonly once: string
}

/** @param before what the pod says of itself until then. */
export function transitionOf(
  before: ProtectedCondition | null,
  { reason, message }: ProtectedCondition,
): Told[] {
  if (before?.reason === reason) return []
  const once = `${before?.reason ?? ''} ${before?.since ?? ''} ${reason}`
  if (isTrouble(reason)) return [told('Warning', 'Replicate', reason, message, once)]
  const isBack = reason === 'Protected' && isTrouble(before?.reason)
  return isBack ? [told('Normal', 'Replicate', reason, `protected again: ${message}`, once)] : []
}

function isTrouble(reason: string | undefined): reason is Trouble {
  return (TROUBLES as readonly (string | undefined)[]).includes(reason)
}

/** @param pod as it stands before the report is written to it. */
export function answersOf(pod: PodFacts, report: Report): Told[] {
  const { note, backups } = report
  const noted = note === '' ? [] : [told('Normal', 'Restore', 'Noted', note, note)]
  return [...noted, ...restored(pod, report), ...backups.map(backup)]
}

function restored(pod: PodFacts, { restored: fulfilled }: Report): Told[] {
  if (fulfilled === null || pod.marks[KEY.restored] === restoredMark(fulfilled)) return []
  const { request, version } = fulfilled
  const what = version === 0 ? 'nothing: the state began anew' : `v${version}`
  const note = `${KEY.restore}: the request ${request} was fulfilled with ${what}`
  return [told('Normal', 'Restore', 'Restored', note, note)]
}

function backup(answer: Report['backups'][number]): Told {
  const { request, version, problem } = answer
  const once = backupMark(answer)
  if (version === null) {
    const note = `${KEY.backup}=${request} made no version: ${problem ?? 'no reason was given'}`
    return told('Warning', 'Backup', 'BackupFailed', note, note)
  }
  return told('Normal', 'Backup', 'BackupMade', `${KEY.backup}=${request} is v${version}`, once)
}

function told(
  type: Told['type'],
  action: string,
  reason: EventReason,
  note: string,
  once: string,
): Told {
  return { type, action, reason, note, once }
}
