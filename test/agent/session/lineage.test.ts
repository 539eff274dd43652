/** Is a volume the head of a line, or newer? */
import { beforeEach, expect, it } from 'vitest'
import { isAhead } from '../../../agent/session/lineage.ts'
import type { Mark } from '../../../agent/volume/mark.ts'
import { VersionLog } from '../../../shared/repository/version-log.ts'
import { MemoryStore, patience } from '../../shared/repository/memory-store.ts'
import { POD, STREAM, TestLog, unstated } from '../../shared/repository/records.ts'

let store: MemoryStore
let log: TestLog
beforeEach(() => {
  store = new MemoryStore()
  log = new TestLog(store)
})

const MARK: Mark = {
  format: 1,
  stream: 'shop/shop/0',
  writer: 'w1',
  open: 1,
  lineage: 'L0',
  request: null,
  dirty: false,
  settled: true,
  pod: { uid: POD.uid, boot: POD.boot },
}

/** Of a volume that its agent left on the first lineage: it was killed between the new one's `done` and its mark. */
async function isAheadAfter(request: string, mark: Mark = MARK): Promise<boolean> {
  await log.add(unstated('open', 1))
  await log.add(unstated('restore', 2, { lineage: 'L2', request, resolved: 0 }))
  await log.add(unstated('done', 3, { lineage: 'L2' }))
  const { head, settled } = log.state
  const line = { lineage: 'L2', head, settled }
  return isAhead(new VersionLog(store, STREAM, patience()), line, mark)
}

it.each(['latest', 'latest/again'])(
  'where %s found no version, what the volume holds is the state, whatever its mark says',
  async (request) => {
    expect(await isAheadAfter(request)).toBe(true)
  },
)

it('half of a restore is nobody’s state', async () => {
  expect(await isAheadAfter('latest', { ...MARK, dirty: true })).toBe(false)
})

it.each(['fresh', 'latest-tag', 'whenEmpty:fresh/w1'])(
  'after %s a volume of another lineage is not the state',
  async (request) => {
    expect(await isAheadAfter(request)).toBe(false)
  },
)
