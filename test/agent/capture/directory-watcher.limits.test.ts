/** The watcher where the queue, the watches or the descriptors of the system do not suffice. */
import { execFileSync } from 'node:child_process'
import type { FSWatcher } from 'node:fs'
import { watch, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'
import { eventually, WatchedTree } from './watched-tree.ts'

let tree: WatchedTree

beforeEach(() => {
  tree = new WatchedTree()
})
afterEach(() => tree.remove())

/** More events than wait in the queue, without so many files: no two in a row are equal, so none are merged. */
const MANY_EVENTS = `
  for (const name of ['two/a', 'two/b']) fs.writeFileSync(name, '')
  for (let i = 0; i < 20000; i++) fs.utimesSync(i % 2 ? 'two/a' : 'two/b', i, i)
`

/** Runs while this process does nothing else: its events wait in the queue of the kernel. */
function meanwhile(script: string) {
  execFileSync(process.execPath, ['-e', script], { cwd: tree.root })
}

describe('too much', () => {
  it('is everything, when a burst of 30,000 files overflows the queue', async () => {
    meanwhile(`for (let i = 0; i < 30000; i++) fs.writeFileSync('two/f' + i, '')`)
    await eventually(() => expect(tree.hints.take()).toBe('all'))
    writeFileSync(tree.at('two/after'), '')
    await eventually(() =>
      expect(tree.hints.take()).toEqual(new Map([[tree.at('two'), new Set(['after'])]])),
    )
  })

  it('is everything, also when the directory of the burst is not watched any more', async () => {
    meanwhile(`${MANY_EVENTS}; fs.writeFileSync('one/lost', '')`)
    tree.hints.uncover(tree.at('two'))
    await eventually(() => expect(tree.hints.take()).toBe('all'))
  })

  it('leaves no directory behind that was deleted and created again in the burst', async () => {
    meanwhile(`${MANY_EVENTS}
      fs.rmSync('one', { recursive: true })
      fs.mkdirSync('one/deep', { recursive: true })`)
    await eventually(() => expect(tree.hints.take()).toBe('all'))
    for (const name of ['', 'one', 'one/deep', 'two']) tree.hints.cover(tree.at(name))
    tree.hints.take()
    writeFileSync(tree.at('one/deep/file'), '')
    await tree.expectDirty({ 'one/deep': ['file'] })
  })
})

describe('limits', () => {
  it('end further attempts for a minute, are told once, and leave what is watched', async () => {
    let nowMs = 0
    let allowed = 2
    let attempts = 0
    await tree.hints.close()
    tree.hints = watchDirectories((why) => tree.degraded.push(why), {
      open: (directory, listener): FSWatcher => {
        attempts += 1
        if (attempts > allowed) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        return watch(directory, { encoding: 'buffer' }, listener)
      },
      monotonicMs: () => nowMs,
    })
    const all = ['', 'one', 'one/deep', 'two']
    const cover = () => all.forEach((name) => tree.hints.cover(tree.at(name)))
    cover()
    expect([attempts, tree.hints.watches, tree.hints.reliable]).toEqual([3, 2, false])
    cover()
    expect([attempts, tree.degraded.length]).toEqual([3, 1])
    expect(tree.degraded[0]).toMatch(/after 2 \(ENOSPC\).*fs\.inotify\.max_user_watches/)
    tree.hints.take()
    writeFileSync(tree.at('one/seen'), '')
    await tree.expectDirty({ one: ['seen'] })
    nowMs = 60_000
    cover()
    expect([attempts, tree.hints.watches, tree.degraded.length]).toEqual([4, 2, 1])
    nowMs = 120_000
    allowed = Infinity
    cover()
    expect([tree.hints.watches, tree.hints.reliable, tree.degraded.length]).toEqual([4, true, 1])
  })

  it('do not count for what is uncovered', async () => {
    await tree.hints.close()
    tree.hints = watchDirectories((why) => tree.degraded.push(why), {
      open: (directory, listener): FSWatcher => {
        if (String(directory).includes('one'))
          throw Object.assign(new Error('too many'), { code: 'EMFILE' })
        return watch(directory, { encoding: 'buffer' }, listener)
      },
      monotonicMs: () => 0,
    })
    tree.hints.cover(tree.root)
    tree.hints.cover(tree.at('one'))
    tree.hints.cover(tree.at('one/deep'))
    expect([tree.hints.reliable, tree.degraded.length]).toEqual([false, 1])
    tree.hints.uncover(tree.at('one'))
    expect([tree.hints.reliable, tree.hints.watches]).toEqual([true, 1])
  })

  it('of the real system are met without harm: no descriptor is left for inotify', () => {
    const module = path.resolve('agent/capture/directory-watcher.ts')
    const script = `
      import fs from 'node:fs'
      import { watchDirectories } from ${JSON.stringify(module)}
      const hints = watchDirectories((why) => console.log(why))
      const held = []
      try { for (;;) held.push(fs.openSync('/dev/null')) } catch {}
      hints.cover(process.cwd())
      console.log(hints.reliable, hints.watches)
      hints.close()`
    const limited = `ulimit -n 256; exec "$0" --input-type=module -e "$1"`
    const said = execFileSync('sh', ['-c', limited, process.execPath, script], { cwd: tree.root })
    expect(said.toString()).toMatch(/after 0 \(EMFILE\).*max_user_instances.*\nfalse 0\n$/)
  })

  it('a watch that fails later makes hints unreliable, and what it watched dirty', async () => {
    const watchers: FSWatcher[] = []
    await tree.hints.close()
    tree.hints = watchDirectories((why) => tree.degraded.push(why), {
      open: (directory, listener) => {
        const watcher = watch(directory, { encoding: 'buffer' }, listener)
        watchers.push(watcher)
        return watcher
      },
      monotonicMs: () => 0,
    })
    tree.hints.cover(tree.root)
    tree.hints.cover(tree.at('one'))
    tree.hints.take()
    watchers[1]?.emit('error', Object.assign(new Error('gone wrong'), { code: 'EIO' }))
    expect([tree.hints.take(), tree.hints.reliable, tree.hints.watches]).toEqual([
      new Map([[tree.at('one'), 'all']]),
      false,
      1,
    ])
    expect(tree.degraded).toHaveLength(1)
  })
})
