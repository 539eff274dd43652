/** What is told and written of a pod for a report, and what is not. */
import { describe, expect, it } from 'vitest'
import { KEY } from '../../../shared/sidecar-contract.ts'
import { conditionOf } from '../../../webhook/controller/condition.ts'
import { mergeReports, planWrite } from '../../../webhook/controller/plan-write.ts'
import { AT, podFacts, report } from './reports.ts'

const HEARD = { report: report(), at: AT }
const PROTECTED = conditionOf(HEARD, 5000, null)
const MARKS = { [KEY.slot]: '0', [KEY.lastVersion]: 'v43' }
const LATER = new Date(AT.getTime() + 60_000)

function toldOf(pod: Parameters<typeof planWrite>[0], parts: Parameters<typeof report>[0]) {
  const { told } = planWrite(pod, { report: report(parts), at: LATER })
  return told.map(({ type, reason, note }) => [type, reason, note])
}

/** By what two tellings are known to be the same. */
function onceOf(pod: Parameters<typeof planWrite>[0]): string[] {
  const heard = { report: report({ note: 'n', lastComplete: false }), at: LATER }
  return planWrite(pod, heard).told.map(({ once }) => once)
}

describe('a report', () => {
  it('is written as condition and annotations, without an Event where all is well', () => {
    expect(planWrite(podFacts(), HEARD)).toEqual({
      told: [],
      write: { condition: PROTECTED, marks: MARKS },
    })
  })

  it('is not written where the pod says so already', () => {
    const pod = podFacts({ condition: PROTECTED, marks: MARKS })
    expect(planWrite(pod, { ...HEARD, at: LATER })).toEqual({ told: [], write: null })
  })

  it('is written as far as it says something else', () => {
    const pod = podFacts({ condition: PROTECTED, marks: { ...MARKS, [KEY.lastVersion]: 'v40' } })
    expect(planWrite(pod, HEARD).write).toEqual({
      condition: null,
      marks: { [KEY.lastVersion]: 'v43' },
    })
  })

  it('that a newer one has overtaken brings its answers, and nothing else', () => {
    const newer = conditionOf({ report: report({ lastVersion: 50 }), at: LATER }, 5000, null)
    const pod = podFacts({ condition: newer, marks: { ...MARKS, [KEY.lastVersion]: 'v50' } })
    const backups = [{ request: 'before-upgrade', version: 43, problem: null }]
    const old = { report: report({ backups, problem: 'the store is away' }), at: AT }
    const { told, write } = planWrite(pod, old)
    expect(write).toEqual({ condition: null, marks: { [KEY.lastBackup]: 'before-upgrade=v43' } })
    expect(told.map(({ reason }) => reason)).toEqual(['BackupMade'])
  })
})

describe('an Event', () => {
  const well = podFacts({ condition: PROTECTED, marks: MARKS })

  it.each([
    [{ line: 'superseded' }, 'Superseded'],
    [{ unfenced: true }, 'Unfenced'],
    [{ lastComplete: false }, 'Partial'],
    [{ frozen: 'not thawed' }, 'AppFrozen'],
    [{ problem: 'the volume is not there' }, 'NotShipping'],
    [{ phase: 'holding', reason: 'no space' }, 'Holding'],
    [{ lagSeconds: 120, unshippedBytes: 1 }, 'Lagging'],
  ] as const)('warns when %o begins, once, and tells when it is over', (parts, reason) => {
    expect(toldOf(well, parts)).toEqual([['Warning', reason, expect.any(String)]])
    const bad = conditionOf({ report: report(parts), at: LATER }, 5000, PROTECTED)
    const told = podFacts({ condition: bad, marks: MARKS })
    expect(toldOf(told, parts)).toEqual([])
    expect(toldOf(told, {})).toEqual([
      ['Normal', 'Protected', 'protected again: v43 is the newest version'],
    ])
  })

  it('tells of the ordinary steps of a start and an end nothing', () => {
    for (const phase of ['starting', 'waiting', 'restoring', 'ended'] as const)
      expect(toldOf(well, { phase })).toEqual([])
  })

  it('answers a restore once, and a backup with its version or why there is none', () => {
    const restored = { request: 'v42', version: 42 }
    expect(toldOf(well, { restored })).toEqual([
      ['Normal', 'Restored', 'holdfast.dev/restore: the request v42 was fulfilled with v42'],
    ])
    const told = podFacts({ condition: PROTECTED, marks: { [KEY.restored]: 'v42=v42' } })
    expect(toldOf(told, { restored })).toEqual([])
    expect(toldOf(well, { restored: { request: 'fresh', version: 0 } })).toEqual([
      ['Normal', 'Restored', expect.stringContaining('the state began anew')],
    ])
    const backups = [
      { request: 'v7', version: null, problem: 'it reads like a version' },
      { request: 'before-upgrade', version: 43, problem: null },
    ]
    expect(toldOf(well, { backups })).toEqual([
      [
        'Warning',
        'BackupFailed',
        'holdfast.dev/backup=v7 made no version: it reads like a version',
      ],
      ['Normal', 'BackupMade', 'holdfast.dev/backup=before-upgrade is v43'],
    ])
  })

  it('is the same one, told by whichever replica, and another one for another occasion', () => {
    expect(onceOf(well)).toEqual(onceOf(podFacts({ condition: PROTECTED })))
    const since = '2026-11-21T00:00:00Z'
    const again = onceOf(podFacts({ condition: { ...PROTECTED, since } }))
    expect(again[0]).not.toBe(onceOf(well)[0])
    expect(again[1]).toBe(onceOf(well)[1])
  })
})

describe('reports that wait for one write', () => {
  it('are the newest, with every answer and note', () => {
    const first = {
      request: 'one',
      version: null,
      problem: 'a hook failed',
    }
    const earlier = report({
      note: 'the way back is v41',
      restored: { request: 'v42', version: 42 },
      backups: [first, { request: 'two', version: 3, problem: null }],
    })
    const later = report({
      lastVersion: 44,
      backups: [{ request: 'one', version: 4, problem: null }],
    })
    const merged = mergeReports({ report: earlier, at: AT }, { report: later, at: LATER })
    expect(merged.at).toBe(LATER)
    expect(merged.report).toEqual({
      ...later,
      note: earlier.note,
      restored: earlier.restored,
      backups: [
        { request: 'two', version: 3, problem: null },
        { request: 'one', version: 4, problem: null },
      ],
    })
  })
})
