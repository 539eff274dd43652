import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { scan } from '../../../agent/capture/scanner.ts'
import { fsPath } from '../../../agent/volume/raw-path.ts'
import { TempVolume, asOtherUser, isRoot } from './temp-volume.ts'

let volume: TempVolume
beforeEach(() => {
  volume = new TempVolume({ exclude: ['**/*.tmp', 'cache/'] })
  mkdirSync(volume.at('a/empty'), { recursive: true })
})
afterEach(() => volume.remove())

const names = (entries: ReadonlyMap<string, unknown>) => [...entries.keys()]

it('sees everything that is declared and not excluded, with what lstat says of it', async () => {
  writeFileSync(volume.at('a/file'), 'text')
  truncateSync(volume.at('a/file'), 1_000_000)
  chmodSync(volume.at('a/file'), 0o6751)
  writeFileSync(volume.at('a/no.tmp'), '')
  mkdirSync(volume.at('cache/deep'), { recursive: true })
  writeFileSync(fsPath(volume.at('\udcff\n')), '')
  const { entries, unreadable, skipped, missingRoots } = await scan(volume.layout)
  expect(names(entries)).toEqual(['0', '0/a', '0/a/empty', '0/a/file', '0/\udcff\n'])
  const stat = lstatSync(volume.at('a/file'), { bigint: true })
  expect(entries.get('0/a/file')).toEqual({
    name: '0/a/file',
    type: 'file',
    mode: 0o6751,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: 1_000_000,
    allocatedBytes: Number(stat.blocks) * 512,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.ino,
    device: stat.dev,
    links: 1,
  })
  expect([unreadable, skipped, missingRoots]).toEqual([[], [], []])
})

it('never follows a link', async () => {
  symlinkSync('/etc', volume.at('out'))
  symlinkSync('no\udcffwhere', volume.at('dangling'))
  symlinkSync('.', volume.at('a/loop'))
  const { entries } = await scan(volume.layout)
  expect(names(entries)).toEqual(['0', '0/a', '0/a/empty', '0/a/loop', '0/dangling', '0/out'])
  expect(entries.get('0/out')).toMatchObject({ type: 'symlink', target: '/etc' })
})

it('lists sockets and FIFOs, and keeps none', async () => {
  execFileSync('mkfifo', [volume.at('pipe')])
  const server = createServer().listen(volume.at('socket'))
  try {
    await new Promise((resolve) => server.once('listening', resolve))
    const { entries, skipped, unreadable } = await scan(volume.layout)
    expect(names(entries)).toEqual(['0', '0/a', '0/a/empty'])
    expect(skipped).toEqual([
      { name: '0/pipe', kind: 'skipped', why: 'FIFO' },
      { name: '0/socket', kind: 'skipped', why: 'socket' },
    ])
    expect(unreadable).toEqual([])
  } finally {
    server.close()
  }
})

it('says which declared paths are not there', async () => {
  rmSync(volume.dir, { recursive: true })
  const { entries, missingRoots, unreadable } = await scan(volume.layout)
  expect([names(entries), missingRoots, unreadable]).toEqual([[], [0], []])
})

it('tells "not known" from "not there": a directory that may not be listed, or not be entered', async () => {
  writeFileSync(volume.at('a/file'), '')
  mkdirSync(volume.at('b'))
  writeFileSync(volume.at('b/file'), '')
  chmodSync(volume.at('a'), isRoot ? 0o700 : 0o000)
  chmodSync(volume.at('b'), 0o444)
  const { entries, unreadable } = await asOtherUser(() => scan(volume.layout))
  chmodSync(volume.at('a'), 0o755)
  chmodSync(volume.at('b'), 0o755)
  expect(names(entries)).toEqual(['0', '0/a', '0/b'])
  expect(unreadable).toEqual([
    { name: '0/a', kind: 'unreadable', why: 'EACCES' },
    { name: '0/b/file', kind: 'unreadable', why: 'EACCES' },
  ])
})

it('leaves out marks and half-written files of a restore, and says whose times a mark moves', async () => {
  writeFileSync(volume.at('.holdfast'), '')
  writeFileSync(volume.at('a/.holdfast'), 'the app’s own')
  writeFileSync(volume.at('a/.holdfast-0123456789abcdef.tmp'), '')
  const volumes = [{ at: volume.dir, sizeLimitBytes: null, memory: false }]
  const { entries } = await scan({ ...volume.layout, volumes })
  expect(names(entries)).toEqual(['0', '0/a', '0/a/.holdfast', '0/a/empty'])
  const marked = [...entries.values()].filter((entry) => entry.marked === true)
  expect(marked.map(({ name }) => name)).toEqual(['0'])
})
