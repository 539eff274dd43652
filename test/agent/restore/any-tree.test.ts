import { chownSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import * as fc from 'fast-check'
import { afterEach, expect, it, vi } from 'vitest'
import type * as Durable from '../../../agent/restore/durable.ts'
import { PLAIN_VAULT, createVault } from '../../../shared/encryption/vault.ts'
import { newDataKey } from '../../../shared/encryption/wrap-chain.ts'
import { OTHER_ID, STREAM, TempVolume, asOtherUser, isRoot } from '../capture/temp-volume.ts'
import { walkTree } from '../capture/tree-walk.ts'
import type { Tree } from './random-tree.ts'
import { anyTree, makeTree } from './random-tree.ts'
import { plan, restore } from './restore-into.ts'

/** Everything below the declared path, and its own time, mode and owner. */
async function expectRestored(before: Tree, wanted: Tree, vault = PLAIN_VAULT): Promise<void> {
  const source = new TempVolume({ vault })
  const target = new TempVolume({ store: source.store, vault })
  try {
    makeTree(source.dir, wanted)
    await source.commit()
    expect(source.held.faults).toEqual([])
    makeTree(target.dir, before)
    const { lost, ownersLost } = await restore(source, target)
    expect([lost, ownersLost]).toEqual([[], []])
    expect(walkTree(target.dir)).toEqual(walkTree(source.dir))
    const again = await plan(source.manifest(), target)
    expect(again.unchanged).toBe(source.held.entries.size)
    expect([again.extras, again.metadata, again.hardLinks]).toEqual([[], [], []])
  } finally {
    source.remove()
    target.remove()
  }
}

const tools = vi.hoisted(() => ({ sync: true }))
vi.mock('../../../agent/restore/durable.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof Durable>()),
  canSyncFileSystems: () => Promise.resolve(tools.sync),
}))
afterEach(() => {
  tools.sync = true
})

it.each([
  ['at once', true],
  ['file by file, where there is no `sync`', false],
])('makes of any tree any other tree, exactly, and durable %s', async (_how, canSync) => {
  tools.sync = canSync
  await fc.assert(
    fc.asyncProperty(anyTree, anyTree, (before, wanted) => expectRestored(before, wanted)),
    { numRuns: 40 },
  )
})

it('does so under a key', async () => {
  const key = newDataKey()
  const vault = createVault(key.bytes, key.id, STREAM)
  await fc.assert(
    fc.asyncProperty(anyTree, anyTree, (before, wanted) => expectRestored(before, wanted, vault)),
    { numRuns: 20 },
  )
})

it('does so as a user who is not root, whatever directories are read-only', async () => {
  await fc.assert(
    fc.asyncProperty(anyTree, anyTree, (before, wanted) =>
      asOtherUser(() => expectRestored(before, wanted)),
    ),
    { numRuns: 30 },
  )
})

it('restores a whole tree of its own making', async () => {
  const source = new TempVolume()
  const target = new TempVolume({ store: source.store })
  try {
    for (let i = 0; i < 40; i += 1) {
      const dir = path.join(source.dir, `${i % 7}`, `${i}`)
      mkdirSync(dir, { recursive: true })
      if (isRoot) chownSync(dir, OTHER_ID, 0)
    }
    await source.commit()
    await restore(source, target)
    expect(walkTree(target.dir)).toEqual(walkTree(source.dir))
  } finally {
    source.remove()
    target.remove()
  }
})
