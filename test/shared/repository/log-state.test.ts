import { describe, expect, it } from 'vitest'
import {
  EMPTY_LOG,
  advance,
  currentLineage,
  restoreOfLineage,
} from '../../../shared/repository/log-state.ts'
import type { UnstatedRecord } from '../../../shared/repository/log-state.ts'
import type { LogState } from '../../../shared/repository/log-record.ts'
import { POD, unstated } from './records.ts'

const after = (...records: UnstatedRecord[]): LogState => records.reduce(advance, EMPTY_LOG)
const open = unstated('open', 1)

describe('the main line after', () => {
  it('nothing: no owner, no head, the first lineage', () => {
    expect(EMPTY_LOG).toEqual({ owner: null, head: null, settled: true, lastSwitch: 0 })
    expect(currentLineage(EMPTY_LOG)).toBe('L0')
  })

  it('an open: its writer owns it, and the head is the one that it took up', () => {
    const request = 'v3/again'
    const state = after(unstated('open', 1, { request, graceSeconds: 45, settled: false }))
    expect(state).toEqual({
      owner: {
        n: 1,
        writer: 'w1',
        pod: POD,
        lineage: 'L0',
        request,
        graceSeconds: 45,
        closed: false,
      },
      head: null,
      settled: false,
      lastSwitch: 0,
    })
  })

  it('an open that takes up another lineage: a switch', () => {
    const left = { lineage: 'L4', head: null, settled: true }
    const state = after(open, unstated('open', 9, { open: 9, lineage: 'L0', left }))
    expect(state.lastSwitch).toBe(9)
    expect(after(open, unstated('open', 9)).lastSwitch).toBe(0)
  })

  it('a version: it is the head, and there is something to go on from', () => {
    const state = after(open, unstated('version', 2))
    expect(state.head).toEqual({ n: 2, writer: 'w1', open: 1, restore: false, version: 2 })
    expect(state.settled).toBe(true)
    expect(state.owner?.n).toBe(1)
  })

  it('a restore: its writer owns a new lineage that is not settled, whose state is the resolved version', () => {
    const restore = unstated('restore', 5, { lineage: 'L5', resolved: 2, writer: 'w2', open: 4 })
    const state = after(open, unstated('version', 2), restore)
    expect(state).toMatchObject({
      owner: { n: 5, writer: 'w2', lineage: 'L5', request: 'v3', closed: false },
      head: { n: 5, writer: 'w2', open: 4, restore: true, version: 2 },
      settled: false,
      lastSwitch: 5,
    })
    expect(currentLineage(state)).toBe('L5')
  })

  it('a done: the restore is settled, and nothing else moved', () => {
    const restored = after(open, unstated('restore', 2, { lineage: 'L2' }))
    expect(advance(restored, unstated('done', 3))).toEqual({ ...restored, settled: true })
  })

  it('a closed: its own writer closes; another one cannot', () => {
    const opened = after(open)
    expect(advance(opened, unstated('closed', 2)).owner?.closed).toBe(true)
    expect(advance(opened, unstated('closed', 2, { writer: 'w0' }))).toEqual(opened)
    expect(advance(EMPTY_LOG, unstated('closed', 2))).toEqual(EMPTY_LOG)
  })

  it('an open after a closed: not closed any more', () => {
    expect(after(open, unstated('closed', 2), unstated('open', 3)).owner?.closed).toBe(false)
  })

  it.each(['open', 'restore', 'done', 'closed', 'version'] as const)(
    'a branch record (%s): what it was before',
    (kind) => {
      const state = after(open, unstated('version', 2))
      expect(advance(state, unstated(kind, 3, { branch: true }))).toBe(state)
    },
  )
})

it('a lineage names the restore that began it, also on a branch', () => {
  expect(restoreOfLineage('L0')).toBeUndefined()
  expect(restoreOfLineage('L17')).toBe(17)
  expect(restoreOfLineage('L17/w2')).toBe(17)
  expect(restoreOfLineage('L0/w2')).toBeUndefined()
})
