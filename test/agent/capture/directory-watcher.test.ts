import { execFileSync } from 'node:child_process'
import type { FSWatcher } from 'node:fs'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Dirty, Hints } from '../../../agent/capture/directory-watcher.ts'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'
import { decodeName, encodeName } from '../../../agent/volume/raw-path.ts'
import { asOtherUser } from './temp-volume.ts'

let base: string
let root: string
let hints: Hints
let degraded: string[]

beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'watched-')))
  chmodSync(base, 0o755)
  root = path.join(base, 'data')
  mkdirSync(at('one/deep'), { recursive: true })
  mkdirSync(at('two'))
  writeFileSync(at('one/file'), 'text')
  degraded = []
  hints = watchDirectories((why) => degraded.push(why))
  for (const name of ['', 'one', 'one/deep', 'two']) hints.cover(at(name))
  expect(hints.take()).toBe('all')
})
afterEach(async () => {
  await hints.close()
  rmSync(base, { recursive: true, force: true })
})

function at(name: string): string {
  return name === '' ? root : `${root}/${name}`
}

/** A slow machine is no failure. */
function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

/** Takes until everything expected has come: `''` is the root, `..` its parent. Returns all that came. */
async function expectDirty(expected: Record<string, string[] | 'all'>) {
  const seen = new Map<string, Set<string> | 'all'>()
  await eventually(() => {
    gather(seen, hints.take())
    for (const [name, names] of Object.entries(expected)) {
      const got = seen.get(name === '..' ? base : at(name))
      if (names === 'all') expect(got).toBe('all')
      else
        expect(got === 'all' ? got : Array.from(got ?? [])).toEqual(expect.arrayContaining(names))
    }
  })
  return seen
}

function gather(seen: Map<string, Set<string> | 'all'>, taken: Dirty | 'all') {
  if (taken === 'all') throw new Error('everything is dirty')
  for (const [directory, names] of taken) {
    const held = seen.get(directory)
    if (names === 'all' || held === 'all') seen.set(directory, 'all')
    else seen.set(directory, new Set([...(held ?? []), ...names]))
  }
}

describe('names', () => {
  it('tells what was created, changed, renamed and deleted, and nothing else', async () => {
    writeFileSync(at('two/new'), '')
    expect(await expectDirty({ two: ['new'] })).toHaveLength(1)
    appendFileSync(at('one/file'), 'more')
    await expectDirty({ one: ['file'] })
    renameSync(at('one/file'), at('one/other'))
    await expectDirty({ one: ['file', 'other'] })
    renameSync(at('one/other'), at('two/other'))
    await expectDirty({ one: ['other'], two: ['other'] })
    rmSync(at('two/other'))
    const seen = await expectDirty({ two: ['other'] })
    expect(seen.get(at('two'))).toEqual(new Set(['other']))
    expect([hints.reliable, hints.watches, degraded]).toEqual([true, 4, []])
  })

  it('tells what changed in mode and time only', async () => {
    chmodSync(at('one/file'), 0o600)
    await expectDirty({ one: ['file'] })
    utimesSync(at('one/file'), 1, 1)
    await expectDirty({ one: ['file'] })
  })

  it('gives names that are not UTF-8 as the scan spells them, also of directories', async () => {
    const raw = decodeName(Buffer.from([0x6e, 0xff, 0xc3, 0xa9]))
    mkdirSync(encodeName(at(raw)))
    await expectDirty({ '': [raw] })
    hints.cover(at(raw))
    writeFileSync(encodeName(at(`${raw}/file-${raw}`)), '')
    await expectDirty({ [raw]: [`file-${raw}`] })
  })

  it('gives a directory as a whole when more than 512 of its names may have changed', async () => {
    for (let i = 0; i < 512; i += 1) writeFileSync(at(`two/f${i}`), '')
    const seen = await expectDirty({ two: ['f511'] })
    expect(seen.get(at('two'))).toHaveLength(512)
    for (let i = 0; i < 513; i += 1) rmSync(at(`two/f${i}`), { force: i === 512 })
    for (let i = 0; i < 513; i += 1) writeFileSync(at(`two/g${i}`), '')
    await expectDirty({ two: 'all' })
  })

  it('hints once for what comes together, and again for what comes later', async () => {
    const heard = vi.fn<() => void>()
    hints.onHint(heard)
    for (let i = 0; i < 100; i += 1) writeFileSync(at(`two/f${i}`), '')
    await eventually(() => expect(heard).toHaveBeenCalled())
    await expectDirty({ two: ['f99'] })
    expect(heard).toHaveBeenCalledTimes(1)
    writeFileSync(at('two/later'), '')
    await eventually(() => expect(heard).toHaveBeenCalledTimes(2))
  })
})

describe('directories', () => {
  it('are named in their parent when they come and go; covered, they tell of themselves', async () => {
    mkdirSync(at('two/new'))
    await expectDirty({ two: ['new'] })
    hints.cover(at('two/new'))
    hints.cover(at('two/new'))
    expect(hints.watches).toBe(5)
    writeFileSync(at('two/new/file'), '')
    await expectDirty({ 'two/new': ['file'] })
    rmSync(at('two/new'), { recursive: true })
    await expectDirty({ two: ['new'] })
    expect(hints.watches).toBe(4)
  })

  it('that move are no longer watched at their old place, with all below', async () => {
    renameSync(at('one'), at('two/one'))
    await expectDirty({ '': ['one'], two: ['one'] })
    await eventually(() => expect([hints.take(), hints.watches]).toEqual([new Map(), 2]))
    hints.cover(at('two/one'))
    hints.cover(at('two/one/deep'))
    writeFileSync(at('two/one/deep/file'), '')
    const seen = await expectDirty({ 'two/one/deep': ['file'] })
    expect([...seen.keys()]).toEqual([at('two/one/deep')])
  })

  it('covered at their new place before their old one is known to be stale tell of both', async () => {
    renameSync(at('one'), at('moved'))
    hints.cover(at('moved'))
    hints.cover(at('moved/deep'))
    await expectDirty({ '': ['one', 'moved'] })
    expect(hints.watches).toBe(4)
    writeFileSync(at('moved/deep/file'), '')
    await expectDirty({ 'moved/deep': ['file'] })
    // The kernel still calls its watch by the first name.
    renameSync(at('moved'), path.join(base, 'outside'))
    mkdirSync(at('moved'))
    await expectDirty({ '': ['moved'], moved: 'all', 'moved/deep': 'all' })
    expect(hints.watches).toBe(2)
  })

  it('that others took the place of are all named, and can be covered anew', async () => {
    mkdirSync(path.join(base, 'outside/deep'), { recursive: true })
    renameSync(at('one'), path.join(base, 'was'))
    renameSync(path.join(base, 'outside'), at('one'))
    await expectDirty({ '': ['one'], one: 'all', 'one/deep': 'all' })
    for (const name of ['one', 'one/deep']) hints.cover(at(name))
    writeFileSync(path.join(base, 'was/deep/unseen'), '')
    writeFileSync(at('one/deep/seen'), '')
    const seen = await expectDirty({ 'one/deep': ['seen'] })
    expect(seen.get(at('one/deep'))).toEqual(new Set(['seen']))
  })

  it('deleted and created again between two looks are watched again', async () => {
    // The file system likes to give the same inode number again.
    for (let i = 0; i < 20; i += 1) {
      rmSync(at('one'), { recursive: true })
      mkdirSync(at('one/deep'), { recursive: true })
      await expectDirty({ '': ['one'] })
      for (const name of ['one', 'one/deep']) hints.cover(at(name))
      writeFileSync(at('one/deep/file'), '')
      await expectDirty({ 'one/deep': ['file'] })
    }
    expect(hints.watches).toBe(4)
  })

  it('uncovered take all watches below with them, and no neighbour whose name begins alike', async () => {
    mkdirSync(at('one-more'))
    hints.cover(at('one-more'))
    hints.uncover(at('one'))
    hints.uncover(at('nowhere/at/all'))
    expect(hints.watches).toBe(3)
    writeFileSync(at('one/deep/unseen'), '')
    writeFileSync(at('one-more/seen'), '')
    const seen = await expectDirty({ 'one-more': ['seen'] })
    expect(seen.has(at('one/deep'))).toBe(false)
  })

  it('with an entry of their own name lose no watch over it', async () => {
    mkdirSync(at('two/two'))
    writeFileSync(at('one/one'), '')
    await expectDirty({ one: 'all', two: 'all', '': ['one', 'two'] })
    expect(hints.watches).toBe(4)
    writeFileSync(at('one/deep/file'), '')
    writeFileSync(at('two/file'), '')
    await expectDirty({ 'one/deep': ['file'], two: ['file'] })
  })

  it('that nobody covers are named for the root that stands in them', async () => {
    chmodSync(root, 0o700)
    await expectDirty({ '..': ['data'] })
    expect(hints.watches).toBe(4)
    renameSync(root, path.join(base, 'away'))
    await expectDirty({ '..': ['data'] })
    expect(hints.watches).toBe(0)
  })

  it('gone, replaced by a file or by a link when they are to be covered are named in their parent', () => {
    rmSync(at('one'), { recursive: true })
    hints.uncover(at('one'))
    hints.cover(at('one'))
    expect([hints.take(), hints.watches]).toEqual([new Map([[root, new Set(['one'])]]), 2])
    writeFileSync(at('one'), '')
    hints.cover(at('one'))
    hints.cover(at('one/deep'))
    const dirty = new Map<string, unknown>([
      [root, new Set(['one'])],
      [at('one'), 'all'],
    ])
    expect(hints.take()).toEqual(dirty)
    rmSync(at('one'))
    symlinkSync('two', at('one'))
    hints.cover(at('one'))
    expect(hints.take()).toEqual(dirty)
    expect([hints.watches, hints.reliable]).toEqual([2, true])
  })

  it('that may not be read are left to the scan: nothing is degraded', async () => {
    mkdirSync(at('closed'), { mode: 0o311 })
    await expectDirty({ '': ['closed'] })
    await asOtherUser(() => Promise.resolve(hints.cover(at('closed'))))
    expect([hints.take(), hints.watches, hints.reliable, degraded]).toEqual([
      new Map(),
      4,
      true,
      [],
    ])
  })
})

/** More events than wait in the queue, without so many files: no two in a row are equal, so none are merged. */
const MANY_EVENTS = `
  for (const name of ['two/a', 'two/b']) fs.writeFileSync(name, '')
  for (let i = 0; i < 20000; i++) fs.utimesSync(i % 2 ? 'two/a' : 'two/b', i, i)
`

/** Runs while this process does nothing else: its events wait in the queue of the kernel. */
function meanwhile(script: string) {
  execFileSync(process.execPath, ['-e', script], { cwd: root })
}

describe('too much', () => {
  it('is everything, when a burst of 30,000 files overflows the queue', async () => {
    meanwhile(`for (let i = 0; i < 30000; i++) fs.writeFileSync('two/f' + i, '')`)
    await eventually(() => expect(hints.take()).toBe('all'))
    writeFileSync(at('two/after'), '')
    await eventually(() => expect(hints.take()).toEqual(new Map([[at('two'), new Set(['after'])]])))
  })

  it('is everything, also when the directory of the burst is not watched any more', async () => {
    meanwhile(`${MANY_EVENTS}; fs.writeFileSync('one/lost', '')`)
    hints.uncover(at('two'))
    await eventually(() => expect(hints.take()).toBe('all'))
  })

  it('leaves no directory behind that was deleted and created again in the burst', async () => {
    meanwhile(`${MANY_EVENTS}
      fs.rmSync('one', { recursive: true })
      fs.mkdirSync('one/deep', { recursive: true })`)
    await eventually(() => expect(hints.take()).toBe('all'))
    for (const name of ['', 'one', 'one/deep', 'two']) hints.cover(at(name))
    hints.take()
    writeFileSync(at('one/deep/file'), '')
    await expectDirty({ 'one/deep': ['file'] })
  })
})

describe('limits', () => {
  it('end further attempts for a minute, are told once, and leave what is watched', async () => {
    let nowMs = 0
    let allowed = 2
    let attempts = 0
    await hints.close()
    hints = watchDirectories((why) => degraded.push(why), {
      open: (directory, listener): FSWatcher => {
        attempts += 1
        if (attempts > allowed) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        return watch(directory, { encoding: 'buffer' }, listener)
      },
      monotonicMs: () => nowMs,
    })
    const all = ['', 'one', 'one/deep', 'two']
    const cover = () => all.forEach((name) => hints.cover(at(name)))
    cover()
    expect([attempts, hints.watches, hints.reliable]).toEqual([3, 2, false])
    cover()
    expect([attempts, degraded.length]).toEqual([3, 1])
    expect(degraded[0]).toMatch(/after 2 \(ENOSPC\).*fs\.inotify\.max_user_watches/)
    hints.take()
    writeFileSync(at('one/seen'), '')
    await expectDirty({ one: ['seen'] })
    nowMs = 60_000
    cover()
    expect([attempts, hints.watches, degraded.length]).toEqual([4, 2, 1])
    nowMs = 120_000
    allowed = Infinity
    cover()
    expect([hints.watches, hints.reliable, degraded.length]).toEqual([4, true, 1])
  })

  it('do not count for what is uncovered', async () => {
    await hints.close()
    hints = watchDirectories((why) => degraded.push(why), {
      open: (directory, listener): FSWatcher => {
        if (String(directory).includes('one'))
          throw Object.assign(new Error('too many'), { code: 'EMFILE' })
        return watch(directory, { encoding: 'buffer' }, listener)
      },
      monotonicMs: () => 0,
    })
    hints.cover(root)
    hints.cover(at('one'))
    hints.cover(at('one/deep'))
    expect([hints.reliable, degraded.length]).toEqual([false, 1])
    hints.uncover(at('one'))
    expect([hints.reliable, hints.watches]).toEqual([true, 1])
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
    const said = execFileSync('sh', ['-c', limited, process.execPath, script], { cwd: root })
    expect(said.toString()).toMatch(/after 0 \(EMFILE\).*max_user_instances.*\nfalse 0\n$/)
  })

  it('a watch that fails later makes hints unreliable, and what it watched dirty', async () => {
    const watchers: FSWatcher[] = []
    await hints.close()
    hints = watchDirectories((why) => degraded.push(why), {
      open: (directory, listener) => {
        const watcher = watch(directory, { encoding: 'buffer' }, listener)
        watchers.push(watcher)
        return watcher
      },
      monotonicMs: () => 0,
    })
    hints.cover(root)
    hints.cover(at('one'))
    hints.take()
    watchers[1]?.emit('error', Object.assign(new Error('gone wrong'), { code: 'EIO' }))
    expect([hints.take(), hints.reliable, hints.watches]).toEqual([
      new Map([[at('one'), 'all']]),
      false,
      1,
    ])
    expect(degraded).toHaveLength(1)
  })
})

it('hints at nothing once it is closed', async () => {
  const heard = vi.fn<() => void>()
  hints.onHint(heard)
  void hints.close()
  hints.cover(root)
  expect(hints.watches).toBe(0)
  const control = watchDirectories((why) => degraded.push(why))
  const controlHeard = vi.fn<() => void>()
  control.onHint(controlHeard)
  control.cover(root)
  writeFileSync(at('after'), '')
  await eventually(() => expect(controlHeard).toHaveBeenCalled())
  await control.close()
  expect(heard).not.toHaveBeenCalled()
  expect(readdirSync(root)).toContain('after')
})

it('keeps no process alive', () => {
  const module = path.resolve('agent/capture/directory-watcher.ts')
  const script = `
    import { watchDirectories } from ${JSON.stringify(module)}
    const hints = watchDirectories(console.error)
    hints.cover(process.cwd())
    console.log(hints.watches)`
  const argv = ['--input-type=module', '-e', script]
  const said = execFileSync(process.execPath, argv, { cwd: root, timeout: 60_000 })
  expect(said.toString()).toBe('1\n')
})
