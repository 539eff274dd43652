/** `docs/format.md` tells holds, prune records and moves as the code reads them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { createHold, listHolds } from '../../shared/repository/holds.ts'
import { encodeObject } from '../../shared/repository/object-file.ts'
import { holdKey, movedKey, pruneKey } from '../../shared/repository/object-keys.ts'
import { locateMoved } from '../../shared/repository/moved-pack.ts'
import { pruneFate, readPrune } from '../../shared/repository/prune-record.ts'
import { MemoryStore } from '../shared/repository/memory-store.ts'
import { STREAM } from '../shared/repository/records.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../docs/format.md'), 'utf8')
const store = new MemoryStore()

/** Puts the example of this kind where the text says that it lies. */
function example(kind: string, key: string): void {
  const blocks = [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(
    ([, block = '']) => JSON.parse(block) as Record<string, unknown>,
  )
  const header = blocks.find((block) => block['kind'] === kind)
  expect(text).toContain(`\`${key.slice('v1/streams/shop/shop/0/'.length)}\``)
  store.objects.set(key, { body: encodeObject([], header ?? {}), modifiedAt: new Date(0) })
}

it('the hold is one', async () => {
  example('hold', holdKey(STREAM, 4))
  expect(await listHolds(store, STREAM)).toEqual([
    { version: 4, note: 'the audit of May', since: new Date(0) },
  ])
  expect(await createHold(store, STREAM, 4, 'again')).toBe('exists')
})

it('the prune record is one, and says of which versions', async () => {
  example('prune', pruneKey(STREAM, 2))
  const prune = await readPrune(store, STREAM)
  const fates = [4, 5, 16, 17, 340, 341, 342, 343].map((n) => pruneFate(prune, n)?.fate)
  const [gone, planned, none] = ['gone', 'planned', undefined]
  expect(fates).toEqual([none, gone, gone, planned, planned, none, planned, none])
})

it('the move is one', async () => {
  const pack = '492371d99e6d39fc90e3b33d4d8885b4'
  example('moved', movedKey(STREAM, pack))
  expect(await locateMoved(store, STREAM, pack)).toEqual({
    to: 'c1b2f1f0a4d84c0f9d7e0a5b3c6e8f90',
    offsets: new Map([[1231520, 11]]),
  })
})
