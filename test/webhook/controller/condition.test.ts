/** What a report makes of the condition `holdfast.dev/Protected`. */
import { describe, expect, it } from 'vitest'
import { toS3StoreError } from '../../../shared/object-store/s3-error.ts'
import { conditionOf } from '../../../webhook/controller/condition.ts'
import { readUnshipped } from '../../../webhook/controller/unshipped.ts'
import { AT, report } from './reports.ts'

const WITHIN_MS = 5000

function storeProblem(code: string, httpStatusCode?: number): string {
  const thrown = { code, name: code, $metadata: { httpStatusCode } }
  return toS3StoreError(thrown, 'create s3://b/a', 'https://s3.example').message
}

describe('the condition', () => {
  it.each([
    ['all is durable', {}, 'True', 'Protected', 'v43 is the newest version'],
    [
      'nothing has changed yet',
      { lastVersion: 0 },
      'True',
      'Protected',
      'nothing has changed since this pod started',
    ],
    [
      'a little is under way',
      { lagSeconds: 4, unshippedBytes: 12 },
      'True',
      'Protected',
      'v43 is the newest version; at least 12 bytes unshipped since 2026-11-20T14:14:56Z',
    ],
    [
      'it starts',
      { phase: 'starting', reason: 'reading the log' },
      'Unknown',
      'Starting',
      'reading the log',
    ],
    [
      'it waits',
      { phase: 'waiting', reason: 'shop-1 has not closed' },
      'Unknown',
      'WaitingForHandOver',
      'shop-1 has not closed',
    ],
    [
      'it restores',
      { phase: 'restoring', reason: '31% of v42' },
      'Unknown',
      'Restoring',
      '31% of v42',
    ],
    ['it holds the app', { phase: 'holding', reason: 'no space' }, 'False', 'Holding', 'no space'],
    [
      'something could not be read',
      { lastComplete: false },
      'False',
      'Partial',
      'v43 lacks what could not be read: holdfast show lists it',
    ],
    [
      'another writes the stream',
      { line: 'superseded' },
      'False',
      'Superseded',
      expect.stringContaining('another pod writes this stream'),
    ],
    [
      'the bucket does not fence',
      { unfenced: true },
      'False',
      'Unfenced',
      expect.stringContaining('the bucket overwrites'),
    ],
    [
      'the app may stand still',
      { frozen: 'not thawed', problem: 'x' },
      'False',
      'AppFrozen',
      'not thawed',
    ],
    [
      'the volume is gone',
      { problem: 'the volume is not there' },
      'False',
      'NotShipping',
      'the volume is not there',
    ],
    [
      'the store is away',
      { problem: storeProblem('ECONNREFUSED') },
      'False',
      'StoreUnreachable',
      expect.stringContaining('no connection'),
    ],
    [
      'the store is overloaded',
      { problem: storeProblem('SlowDown', 503) },
      'False',
      'StoreUnreachable',
      expect.stringContaining('SlowDown'),
    ],
    [
      'the token has expired',
      { problem: storeProblem('ExpiredToken', 400) },
      'False',
      'AccessDenied',
      expect.stringContaining('renew'),
    ],
    [
      'the policy denies',
      { problem: storeProblem('AccessDenied', 403) },
      'False',
      'AccessDenied',
      expect.stringContaining('policy of the bucket'),
    ],
    [
      'it ended in order',
      { phase: 'ended' },
      'True',
      'Ended',
      'ended in order, v43 is the newest version',
    ],
    [
      'it ended too early',
      { phase: 'ended', lagSeconds: 60, unshippedBytes: 7 },
      'False',
      'Ended',
      'the agent has ended before everything was shipped; at least 7 bytes unshipped since 2026-11-20T14:14:00Z',
    ],
  ] as const)('when %s', (_case, parts, status, reason, message) => {
    const condition = conditionOf({ report: report(parts), at: AT }, WITHIN_MS, null)
    expect(condition).toEqual({
      status,
      reason,
      message,
      since: '2026-11-20T14:15:00Z',
      heardAt: '2026-11-20T14:15:00Z',
    })
  })

  it('lags by what the pod was promised, not by the clock', () => {
    const parts = { lagSeconds: 40, unshippedBytes: 9 }
    const heard = { report: report(parts), at: AT }
    expect(conditionOf(heard, 5000, null)).toMatchObject({ status: 'False', reason: 'Lagging' })
    expect(conditionOf(heard, 5000, null).message).toContain('40 s behind; promised are 5 s')
    expect(conditionOf(heard, 60_000, null)).toMatchObject({ status: 'True', reason: 'Protected' })
  })

  it('says since when, and that moves with the status only', () => {
    const before = conditionOf({ report: report(), at: AT }, WITHIN_MS, null)
    const later = new Date(AT.getTime() + 60_000)
    const more = conditionOf({ report: report({ lastVersion: 44 }), at: later }, WITHIN_MS, before)
    expect(more).toMatchObject({ since: before.since, heardAt: '2026-11-20T14:16:00Z' })
    const partial = report({ lastComplete: false })
    expect(conditionOf({ report: partial, at: later }, WITHIN_MS, before).since).toBe(more.heardAt)
  })

  it('tells what is unshipped in words that are read again when the pod is gone', () => {
    const parts = { problem: 'x', lagSeconds: 30, unshippedBytes: 9_007_199_254_740_991 }
    const { message } = conditionOf({ report: report(parts), at: AT }, WITHIN_MS, null)
    expect(readUnshipped(message)).toEqual({
      bytes: 9_007_199_254_740_991,
      since: '2026-11-20T14:14:30Z',
    })
    expect(readUnshipped('v43 is the newest version')).toBeUndefined()
  })

  it('does not call changes nothing whose size is not known yet', () => {
    const parts = { lagSeconds: 4, unshippedBytes: 0 }
    const { message } = conditionOf({ report: report(parts), at: AT }, WITHIN_MS, null)
    expect(message).toContain('; changes of unknown size unshipped since 2026-11-20T14:14:56Z')
    expect(readUnshipped(message)).toEqual({ bytes: 0, since: '2026-11-20T14:14:56Z' })
  })
})
