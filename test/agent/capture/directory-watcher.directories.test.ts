/** What the watcher tells of directories that come, move, are replaced and go. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asOtherUser } from './temp-volume.ts'
import { eventually, WatchedTree } from './watched-tree.ts'

let tree: WatchedTree

beforeEach(() => {
  tree = new WatchedTree()
})
afterEach(() => tree.remove())

describe('directories', () => {
  it('are named in their parent when they come and go; covered, they tell of themselves', async () => {
    mkdirSync(tree.at('two/new'))
    await tree.expectDirty({ two: ['new'] })
    tree.hints.cover(tree.at('two/new'))
    tree.hints.cover(tree.at('two/new'))
    expect(tree.hints.watches).toBe(5)
    writeFileSync(tree.at('two/new/file'), '')
    await tree.expectDirty({ 'two/new': ['file'] })
    rmSync(tree.at('two/new'), { recursive: true })
    await tree.expectDirty({ two: ['new'] })
    expect(tree.hints.watches).toBe(4)
  })

  it('that move are no longer watched at their old place, with all below', async () => {
    renameSync(tree.at('one'), tree.at('two/one'))
    await tree.expectDirty({ '': ['one'], two: ['one'] })
    await eventually(() => expect([tree.hints.take(), tree.hints.watches]).toEqual([new Map(), 2]))
    tree.hints.cover(tree.at('two/one'))
    tree.hints.cover(tree.at('two/one/deep'))
    writeFileSync(tree.at('two/one/deep/file'), '')
    const seen = await tree.expectDirty({ 'two/one/deep': ['file'] })
    expect([...seen.keys()]).toEqual([tree.at('two/one/deep')])
  })

  it('covered at their new place before their old one is known to be stale tell of both', async () => {
    renameSync(tree.at('one'), tree.at('moved'))
    tree.hints.cover(tree.at('moved'))
    tree.hints.cover(tree.at('moved/deep'))
    await tree.expectDirty({ '': ['one', 'moved'] })
    expect(tree.hints.watches).toBe(4)
    writeFileSync(tree.at('moved/deep/file'), '')
    await tree.expectDirty({ 'moved/deep': ['file'] })
    // The kernel still calls its watch by the first name.
    renameSync(tree.at('moved'), path.join(tree.base, 'outside'))
    mkdirSync(tree.at('moved'))
    await tree.expectDirty({ '': ['moved'], moved: 'all', 'moved/deep': 'all' })
    expect(tree.hints.watches).toBe(2)
  })

  it('that others took the place of are all named, and can be covered anew', async () => {
    mkdirSync(path.join(tree.base, 'outside/deep'), { recursive: true })
    renameSync(tree.at('one'), path.join(tree.base, 'was'))
    renameSync(path.join(tree.base, 'outside'), tree.at('one'))
    await tree.expectDirty({ '': ['one'], one: 'all', 'one/deep': 'all' })
    for (const name of ['one', 'one/deep']) tree.hints.cover(tree.at(name))
    writeFileSync(path.join(tree.base, 'was/deep/unseen'), '')
    writeFileSync(tree.at('one/deep/seen'), '')
    const seen = await tree.expectDirty({ 'one/deep': ['seen'] })
    expect(seen.get(tree.at('one/deep'))).toEqual(new Set(['seen']))
  })

  it('deleted and created again between two looks are watched again', async () => {
    // The file system likes to give the same inode number again.
    for (let i = 0; i < 20; i += 1) {
      rmSync(tree.at('one'), { recursive: true })
      mkdirSync(tree.at('one/deep'), { recursive: true })
      await tree.expectDirty({ '': ['one'] })
      for (const name of ['one', 'one/deep']) tree.hints.cover(tree.at(name))
      writeFileSync(tree.at('one/deep/file'), '')
      await tree.expectDirty({ 'one/deep': ['file'] })
    }
    expect(tree.hints.watches).toBe(4)
  })

  it('uncovered take all watches below with them, and no neighbour whose name begins alike', async () => {
    mkdirSync(tree.at('one-more'))
    tree.hints.cover(tree.at('one-more'))
    tree.hints.uncover(tree.at('one'))
    tree.hints.uncover(tree.at('nowhere/at/all'))
    expect(tree.hints.watches).toBe(3)
    writeFileSync(tree.at('one/deep/unseen'), '')
    writeFileSync(tree.at('one-more/seen'), '')
    const seen = await tree.expectDirty({ 'one-more': ['seen'] })
    expect(seen.has(tree.at('one/deep'))).toBe(false)
  })

  it('with an entry of their own name lose no watch over it', async () => {
    mkdirSync(tree.at('two/two'))
    writeFileSync(tree.at('one/one'), '')
    await tree.expectDirty({ one: 'all', two: 'all', '': ['one', 'two'] })
    expect(tree.hints.watches).toBe(4)
    writeFileSync(tree.at('one/deep/file'), '')
    writeFileSync(tree.at('two/file'), '')
    await tree.expectDirty({ 'one/deep': ['file'], two: ['file'] })
  })

  it('that nobody covers are named for the root that stands in them', async () => {
    chmodSync(tree.root, 0o700)
    await tree.expectDirty({ '..': ['data'] })
    expect(tree.hints.watches).toBe(4)
    renameSync(tree.root, path.join(tree.base, 'away'))
    await tree.expectDirty({ '..': ['data'] })
    expect(tree.hints.watches).toBe(0)
  })

  it('gone, replaced by a file or by a link when they are to be covered are named in their parent', () => {
    rmSync(tree.at('one'), { recursive: true })
    tree.hints.uncover(tree.at('one'))
    tree.hints.cover(tree.at('one'))
    expect([tree.hints.take(), tree.hints.watches]).toEqual([
      new Map([[tree.root, new Set(['one'])]]),
      2,
    ])
    writeFileSync(tree.at('one'), '')
    tree.hints.cover(tree.at('one'))
    tree.hints.cover(tree.at('one/deep'))
    const dirty = new Map<string, unknown>([
      [tree.root, new Set(['one'])],
      [tree.at('one'), 'all'],
    ])
    expect(tree.hints.take()).toEqual(dirty)
    rmSync(tree.at('one'))
    symlinkSync('two', tree.at('one'))
    tree.hints.cover(tree.at('one'))
    expect(tree.hints.take()).toEqual(dirty)
    expect([tree.hints.watches, tree.hints.reliable]).toEqual([2, true])
  })

  it('that may not be read are left to the scan: nothing is degraded', async () => {
    mkdirSync(tree.at('closed'), { mode: 0o311 })
    await tree.expectDirty({ '': ['closed'] })
    await asOtherUser(() => Promise.resolve(tree.hints.cover(tree.at('closed'))))
    expect([tree.hints.take(), tree.hints.watches, tree.hints.reliable, tree.degraded]).toEqual([
      new Map(),
      4,
      true,
      [],
    ])
  })
})
