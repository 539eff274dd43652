import { expect, test } from 'vitest'
import type {
  DatabasePosition,
  Evidence,
  LogPosition,
} from '../../../../agent/capture/sqlite/position.ts'
import { changedPages } from '../../../../agent/capture/sqlite/position.ts'

const FILE = { sizeBytes: 8192, mtimeNs: '1', ctimeNs: '1', changeCounter: 1 }

function positionAt(pages: number, log?: Partial<LogPosition>): DatabasePosition {
  return {
    device: '1',
    inode: '2',
    pageBytes: 4096,
    sizeBytes: pages * 4096,
    log: { salts: 'ffffffff00000001', frames: 2, checksum: 'c', transactions: 2, ...log },
  }
}

function commits(...frames: [page: number, pagesAfter: number][]) {
  return frames.map(([page, pagesAfter]) => ({ page, pagesAfter }))
}

function evidenceOf(change: Partial<Evidence>): Evidence {
  return {
    file: FILE,
    overlay: [],
    markOf: () => ({ salts: 'ffffffff00000001', checksum: 'c' }),
    following: () => [],
    ...change,
  }
}

test('pages cut off and grown again have changed, though no frame holds them', () => {
  const frames = commits([0, 10], [9, 10], [0, 4], [0, 10])
  const now = positionAt(10, { frames: 4, transactions: 4 })
  expect(changedPages(positionAt(10), now, evidenceOf({ frames }))).toEqual([0, 4, 5, 6, 7, 8, 9])
})

test('pages beyond the database are none', () => {
  const frames = commits([0, 10], [9, 10], [8, 10], [0, 4])
  const now = positionAt(4, { frames: 4, transactions: 4 })
  expect(changedPages(positionAt(10), now, evidenceOf({ frames }))).toEqual([0])
})

test('a frame that is not the one that was the last known tells nothing', () => {
  const frames = commits([0, 10], [9, 10], [8, 10])
  const now = positionAt(10, { frames: 3, transactions: 3 })
  const foreign = { salts: 'ffffffff00000001', checksum: 'd' }
  expect(changedPages(positionAt(10), now, evidenceOf({ frames, markOf: () => foreign }))).toBe(
    'all',
  )
})

test('salts and transactions are counted modulo 2^32', () => {
  const now = positionAt(10, { salts: '0000000012345678', frames: 1, transactions: 0 })
  const since = positionAt(10, { transactions: 2 ** 32 - 2 })
  const evidence = evidenceOf({ frames: commits([3, 10]), following: () => commits([5, 10]) })
  expect(changedPages(since, now, evidence)).toEqual([3, 5])
  expect(changedPages(positionAt(10, { transactions: 2 ** 32 - 3 }), now, evidence)).toBe('all')
})

test('a file that bears the same times has changed only by what lies over it, another one anywhere', () => {
  const since = { ...positionAt(10, { frames: 0 }), file: FILE }
  const now = positionAt(10, { salts: '0102030405060708' })
  const overlay = commits([7, 0], [2, 10])
  expect(changedPages(since, now, evidenceOf({ overlay }))).toEqual([2, 7])
  for (const change of [
    { mtimeNs: '2' },
    { ctimeNs: '2' },
    { sizeBytes: 4096 },
    { changeCounter: 2 },
  ])
    expect(changedPages(since, now, evidenceOf({ overlay, file: { ...FILE, ...change } }))).toBe(
      'all',
    )
  for (const other of [{ inode: '3' }, { device: '2' }, { pageBytes: 8192 }])
    expect(changedPages({ ...since, ...other }, now, evidenceOf({ overlay }))).toBe('all')
})
