/** Pure: what is to be told and written of a pod, so that it says what its agent has reported. */
import { KEY } from '../../shared/sidecar-contract.ts'
import { conditionOf, type HeardReport } from './condition.ts'
import { marksOf } from './marks.ts'
import type { PodFacts, PodWrite } from './pod-facts.ts'
import { answersOf, transitionOf, type Told } from './told.ts'
import { toSecond } from './unshipped.ts'

export interface PodPlan {
  readonly told: readonly Told[]
  /** Null: it says so already. */
  readonly write: PodWrite | null
}

/** These answer for good; the others are only as true as their report is new. */
const ANSWERS: ReadonlySet<string> = new Set([KEY.restored, KEY.lastBackup])

/**
 * @param pod as it stands. Another replica may have written a newer report of it: then this one only brings its answers.
 * One without a sidecar of ours was promised nothing.
 */
export function planWrite(pod: PodFacts, heard: HeardReport): PodPlan {
  const { condition: before } = pod
  const isOvertaken = before !== null && before.heardAt > toSecond(heard.at)
  const after = isOvertaken ? before : conditionOf(heard, pod.admitted?.withinMs ?? 0, before)
  const marks = Object.fromEntries(
    Object.entries(marksOf(heard.report)).filter(
      ([key, value]) => pod.marks[key] !== value && (!isOvertaken || ANSWERS.has(key)),
    ),
  )
  const told = [...transitionOf(before, after), ...answersOf(pod, heard.report)]
  const condition =
    before?.status === after.status &&
    before.reason === after.reason &&
    before.message === after.message
      ? null
      : after
  const isSame = condition === null && Object.keys(marks).length === 0
  return { told, write: isSame ? null : { condition, marks } }
}

/** Of one pod, heard one after the other, before the first was written: the newest counts, and no answer is forgotten. */
export function mergeReports(earlier: HeardReport, later: HeardReport): HeardReport {
  const repeated = new Set(later.report.backups.map(({ request }) => request))
  const backups = [
    ...earlier.report.backups.filter(({ request }) => !repeated.has(request)),
    ...later.report.backups,
  ]
  const note = later.report.note === '' ? earlier.report.note : later.report.note
  const restored = later.report.restored ?? earlier.report.restored
  return { at: later.at, report: { ...later.report, backups, note, restored } }
}
