/** What the watcher tells of names in directories, and how it ends. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'
import { decodeName, encodeName } from '../../../agent/volume/raw-path.ts'
import { eventually, WatchedTree } from './watched-tree.ts'

let tree: WatchedTree

beforeEach(() => {
  tree = new WatchedTree()
})
afterEach(() => tree.remove())

describe('names', () => {
  it('tells what was created, changed, renamed and deleted, and nothing else', async () => {
    writeFileSync(tree.at('two/new'), '')
    expect(await tree.expectDirty({ two: ['new'] })).toHaveLength(1)
    appendFileSync(tree.at('one/file'), 'more')
    await tree.expectDirty({ one: ['file'] })
    renameSync(tree.at('one/file'), tree.at('one/other'))
    await tree.expectDirty({ one: ['file', 'other'] })
    renameSync(tree.at('one/other'), tree.at('two/other'))
    await tree.expectDirty({ one: ['other'], two: ['other'] })
    rmSync(tree.at('two/other'))
    const seen = await tree.expectDirty({ two: ['other'] })
    expect(seen.get(tree.at('two'))).toEqual(new Set(['other']))
    expect([tree.hints.reliable, tree.hints.watches, tree.degraded]).toEqual([true, 4, []])
  })

  it('tells what changed in mode and time only', async () => {
    chmodSync(tree.at('one/file'), 0o600)
    await tree.expectDirty({ one: ['file'] })
    utimesSync(tree.at('one/file'), 1, 1)
    await tree.expectDirty({ one: ['file'] })
  })

  it('gives names that are not UTF-8 as the scan spells them, also of directories', async () => {
    const raw = decodeName(Buffer.from([0x6e, 0xff, 0xc3, 0xa9]))
    mkdirSync(encodeName(tree.at(raw)))
    await tree.expectDirty({ '': [raw] })
    tree.hints.cover(tree.at(raw))
    writeFileSync(encodeName(tree.at(`${raw}/file-${raw}`)), '')
    await tree.expectDirty({ [raw]: [`file-${raw}`] })
  })

  it('gives a directory as a whole when more than 512 of its names may have changed', async () => {
    for (let i = 0; i < 512; i += 1) writeFileSync(tree.at(`two/f${i}`), '')
    const seen = await tree.expectDirty({ two: ['f511'] })
    expect(seen.get(tree.at('two'))).toHaveLength(512)
    for (let i = 0; i < 513; i += 1) rmSync(tree.at(`two/f${i}`), { force: i === 512 })
    for (let i = 0; i < 513; i += 1) writeFileSync(tree.at(`two/g${i}`), '')
    await tree.expectDirty({ two: 'all' })
  })

  it('hints once for what comes together, and again for what comes later', async () => {
    const heard = vi.fn<() => void>()
    tree.hints.onHint(heard)
    for (let i = 0; i < 100; i += 1) writeFileSync(tree.at(`two/f${i}`), '')
    await eventually(() => expect(heard).toHaveBeenCalled())
    await tree.expectDirty({ two: ['f99'] })
    expect(heard).toHaveBeenCalledTimes(1)
    writeFileSync(tree.at('two/later'), '')
    await eventually(() => expect(heard).toHaveBeenCalledTimes(2))
  })
})

it('hints at nothing once it is closed', async () => {
  const heard = vi.fn<() => void>()
  tree.hints.onHint(heard)
  void tree.hints.close()
  tree.hints.cover(tree.root)
  expect(tree.hints.watches).toBe(0)
  const control = watchDirectories((why) => tree.degraded.push(why))
  const controlHeard = vi.fn<() => void>()
  control.onHint(controlHeard)
  control.cover(tree.root)
  writeFileSync(tree.at('after'), '')
  await eventually(() => expect(controlHeard).toHaveBeenCalled())
  await control.close()
  expect(heard).not.toHaveBeenCalled()
  expect(readdirSync(tree.root)).toContain('after')
})

it('keeps no process alive', () => {
  const module = path.resolve('agent/capture/directory-watcher.ts')
  const script = `
    import { watchDirectories } from ${JSON.stringify(module)}
    const hints = watchDirectories(console.error)
    hints.cover(process.cwd())
    console.log(hints.watches)`
  const argv = ['--input-type=module', '-e', script]
  const said = execFileSync(process.execPath, argv, { cwd: tree.root, timeout: 60_000 })
  expect(said.toString()).toBe('1\n')
})
