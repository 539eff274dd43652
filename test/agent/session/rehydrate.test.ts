import { expect, test } from 'vitest'
import { withoutDoubtfulTimes } from '../../../agent/session/rehydrate.ts'
import type { Entry } from '../../../shared/repository/entry.ts'

const SCANNED_AT = '2026-11-20T12:00:00.000Z'
const SCANNED_NS = BigInt(Date.parse(SCANNED_AT)) * 1_000_000n

function changedAt(ctimeNs: bigint): Entry {
  const times = { mtimeNs: ctimeNs, ctimeNs, inode: 7n }
  return {
    name: '0/a',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 1,
    chunks: [],
    ...times,
  }
}

test('a file that changed just before it was captured is not taken for unchanged by its times', () => {
  const entries = new Map([
    ['0/a', changedAt(SCANNED_NS - 1_000_000_000n)],
    ['0/b', changedAt(SCANNED_NS - 3_000_000_000n)],
  ])
  const known = withoutDoubtfulTimes(entries, SCANNED_AT)
  expect(known.get('0/a')?.ctimeNs).toBe(-1n)
  expect(known.get('0/b')).toEqual(entries.get('0/b'))
})
