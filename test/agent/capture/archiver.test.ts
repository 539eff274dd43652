import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/clock.ts'
import { AccessDeniedError } from '../../../shared/object-store/object-store.ts'
import type { FileEntry } from '../../../shared/repository/entry.ts'
import type { EntryTable } from '../../../shared/repository/entry-table.ts'
import { TempVolume, asOtherUser, isRoot } from './temp-volume.ts'

let volume: TempVolume
beforeEach(() => {
  volume = new TempVolume()
  mkdirSync(volume.dir)
})
afterEach(() => volume.remove())

const namesOf = (table: EntryTable) => [...table.keys()].toSorted()
const held = (name: string) => volume.held.entries.get(name) as FileEntry

/** No time of a file tells: what was written has the same size and mtime. */
function writeUnseen(name: string, text: string): void {
  const { atime, mtime } = statSync(volume.at(name))
  writeFileSync(volume.at(name), text)
  utimesSync(volume.at(name), atime, mtime)
}

describe('a capture', () => {
  it('of an unchanged volume reads and changes nothing', async () => {
    writeFileSync(volume.at('a'), 'text')
    symlinkSync('a', volume.at('l'))
    await volume.commit()
    const again = await volume.capture()
    expect([again.changed.size, again.gone.size, again.refreshed.size]).toEqual([0, 0, 0])
    expect(again.faults).toEqual([])
    expect(again.packed.storedBytes).toBe(0)
  })

  it('finds a file that was rewritten with the same size and mtime, by its ctime', async () => {
    writeFileSync(volume.at('a'), 'text')
    utimesSync(volume.at('a'), 1_000_000, 1_000_000)
    await volume.commit()
    const before = lstatSync(volume.at('a'), { bigint: true })
    writeUnseen('a', 'TEXT')
    const after = lstatSync(volume.at('a'), { bigint: true })
    expect([after.mtimeNs, after.size]).toEqual([before.mtimeNs, before.size])
    expect(namesOf((await volume.capture()).changed)).toEqual(['0/a'])
  })

  it('takes a touched file for what it is: the same', async () => {
    writeFileSync(volume.at('a'), 'text')
    utimesSync(volume.at('a'), 1_000_000, 1_000_000)
    await volume.commit()
    writeUnseen('a', 'text')
    const touched = await volume.capture()
    expect([namesOf(touched.changed), namesOf(touched.refreshed)]).toEqual([[], ['0/a']])
  })

  it('reads again what was read so soon after it changed that a later change may bear the same time', async () => {
    volume.clock = systemClock
    writeFileSync(volume.at('a'), 'text')
    await volume.commit()
    expect(volume.doubtful).toEqual(new Set(['0/a']))
    // As if the clock of the file system had not moved: the held entry bears the times of what is there now.
    writeFileSync(volume.at('a'), 'TEXT')
    const { mtimeNs, ctimeNs } = lstatSync(volume.at('a'), { bigint: true })
    volume.held.refresh({ ...held('0/a'), mtimeNs, ctimeNs })
    expect(namesOf((await volume.capture()).changed)).toEqual(['0/a'])
  })

  it('of renamed files stores no byte again', async () => {
    mkdirSync(volume.at('old'))
    for (let i = 0; i < 100; i += 1) writeFileSync(volume.at(`old/${i}`), randomBytes(1000))
    await volume.commit()
    renameSync(volume.at('old'), volume.at('new'))
    const moved = await volume.capture()
    expect(moved.packed.storedBytes).toBe(0)
    expect(moved.changed.size).toBe(102) // the declared path's own time moved, too
    expect(moved.gone.size).toBe(101)
  })

  it('of equal files stores the bytes once, and a changed part of a large file alone', async () => {
    const bytes = randomBytes(8 * 1024 * 1024)
    writeFileSync(volume.at('a'), bytes)
    writeFileSync(volume.at('b'), bytes)
    expect((await volume.capture()).packed.storedBytes).toBe(bytes.length)
    await volume.commit()
    bytes.write('changed', 4_000_000)
    writeFileSync(volume.at('a'), bytes)
    expect((await volume.capture()).packed.storedBytes).toBeLessThan(4.1 * 1024 * 1024)
  })

  it('of a touched file refers to the bytes that a version has, also where its copies went', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `copy ${i}`)
    for (const name of names) writeFileSync(volume.at(name), 'text')
    await volume.commit()
    writeUnseen('copy 9', 'text')
    await volume.commit()
    for (const name of names) if (name !== 'copy 9') unlinkSync(volume.at(name))
    await volume.commit()
    writeUnseen('copy 9', 'text')
    await volume.commit()
    expect(held('0/copy 9').chunks).toMatchObject([{ frame: { pack: 'v1' } }])
  })

  it('keeps holes as holes, at the beginning, in the middle and at the end', async () => {
    const fd = openSync(volume.at('a'), 'w')
    writeSync(fd, 'middle', 50 * 1024 * 1024)
    closeSync(fd)
    truncateSync(volume.at('a'), 100 * 1024 * 1024)
    truncateSync(volume.at('a'), 100 * 1024 * 1024 + 7)
    const taken = await volume.capture()
    expect(taken.packed.storedBytes).toBeLessThan(300_000)
    const file = taken.changed.get('0/a') as FileEntry
    expect(file.sizeBytes).toBe(100 * 1024 * 1024 + 7)
    const holes = file.chunks.reduce((sum, chunk) => sum + ('hole' in chunk ? chunk.hole : 0), 0)
    expect(holes).toBeGreaterThan(file.sizeBytes - 300_000)
  })

  it('lets errors of the store through: they say nothing about a file', async () => {
    writeFileSync(volume.at('a'), randomBytes(3_000_000))
    volume.store.beforeCreate = () => Promise.reject(new AccessDeniedError('no'))
    await expect(volume.capture()).rejects.toThrow(AccessDeniedError)
  })
})

describe('between scan and reading', () => {
  it('a file that goes is deleted, or was never there', async () => {
    writeFileSync(volume.at('a'), 'text')
    await volume.commit()
    writeFileSync(volume.at('a'), 'more text')
    writeFileSync(volume.at('b'), 'new')
    const taken = await volume.capture(() => {
      unlinkSync(volume.at('a'))
      unlinkSync(volume.at('b'))
    })
    expect(taken.gone).toEqual(new Set(['0/a']))
    expect(namesOf(taken.changed)).toEqual(['0'])
    expect(taken.faults).toEqual([])
  })

  it('a storm of renames loses nothing for longer than until the next capture', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `content ${i}`)
    texts.forEach((text, i) => writeFileSync(volume.at(`${i}`), text))
    await volume.commit(() => {
      for (let i = 0; i < 50; i += 2) renameSync(volume.at(`${i}`), volume.at(`moved-${i}`))
      for (let i = 1; i < 50; i += 4) renameSync(volume.at(`${i}`), volume.at(`${i + 2}`))
    })
    await volume.commit()
    expect(volume.held.faults).toEqual([])
    const sizes = [...volume.held.entries.values()].flatMap((entry) =>
      entry.type === 'file' ? [`${entry.name.slice(2)} ${entry.sizeBytes}`] : [],
    )
    const there = [...volume.held.entries.keys()].slice(1).map((name) => {
      const below = name.slice(2)
      return `${below} ${readFileSync(volume.at(below)).length}`
    })
    expect(sizes).toEqual(there)
    expect(sizes).toHaveLength(38)
  })

  it('a hard link whose first name goes, or becomes another file, keeps its bytes as a file of its own', async () => {
    writeFileSync(volume.at('a'), 'shared')
    linkSync(volume.at('a'), volume.at('b'))
    writeFileSync(volume.at('c'), 'shared, too')
    linkSync(volume.at('c'), volume.at('d'))
    await volume.commit(() => {
      unlinkSync(volume.at('a'))
      unlinkSync(volume.at('c'))
      writeFileSync(volume.at('c'), 'another file by now')
    })
    expect(held('0/a')).toBeUndefined()
    expect(held('0/b')).toMatchObject({ sizeBytes: 6 })
    expect(held('0/d')).toMatchObject({ sizeBytes: 11 })
    expect([held('0/b').hardLinkOf, held('0/d').hardLinkOf]).toEqual([undefined, undefined])
  })

  it('a hard link that changes while the capture runs is one file all the same', async () => {
    writeFileSync(volume.at('a'), 'shared')
    linkSync(volume.at('a'), volume.at('b'))
    volume.clock = systemClock
    await volume.commit()
    writeFileSync(volume.at('a'), 'changed')
    let asked = 0
    volume.clock = {
      ...systemClock,
      // Asked before and after each file is read: the second name is read after another change.
      now: () => {
        asked += 1
        if (asked === 2) writeFileSync(volume.at('a'), 'changed again')
        return new Date()
      },
    }
    await volume.commit()
    expect(asked).toBeGreaterThanOrEqual(4)
    expect(held('0/b')).toEqual({ ...held('0/a'), name: '0/b', hardLinkOf: '0/a' })
  })
})

describe('what cannot be read', () => {
  it.each(['a', 'dir'])('is carried on from the held version, marked stale: %s', async (below) => {
    mkdirSync(volume.at('dir'))
    writeFileSync(volume.at('dir/in'), 'text')
    writeFileSync(volume.at('a'), 'text')
    await volume.commit()
    const before = held(below === 'a' ? '0/a' : '0/dir/in')
    if (below === 'a') writeFileSync(volume.at('a'), 'other')
    chmodSync(volume.at(below), isRoot ? 0o700 : 0)
    await asOtherUser(() => volume.commit())
    expect(volume.held.faults).toEqual([{ name: `0/${below}`, kind: 'unreadable', why: 'EACCES' }])
    expect(held(before.name)).toEqual({ ...before, stale: true })
    chmodSync(volume.at(below), 0o755)
    await volume.commit()
    expect(volume.held.faults).toEqual([])
    expect(held(before.name).stale).toBeUndefined()
  })

  it('and was never captured is listed, and does not count as deleted', async () => {
    writeFileSync(volume.at('a'), 'text', { mode: isRoot ? 0o600 : 0 })
    await asOtherUser(() => volume.commit())
    expect(volume.held.faults).toHaveLength(1)
    expect(held('0/a')).toBeUndefined()
  })

  it('and is a hard link to what was deleted keeps the bytes that it had', async () => {
    mkdirSync(volume.at('dir'))
    writeFileSync(volume.at('a'), 'shared')
    linkSync(volume.at('a'), volume.at('dir/b'))
    await volume.commit()
    expect(held('0/dir/b').hardLinkOf).toBe('0/a')
    rmSync(volume.at('a'))
    chmodSync(volume.at('dir'), isRoot ? 0o700 : 0)
    await asOtherUser(() => volume.commit())
    chmodSync(volume.at('dir'), 0o755)
    expect(held('0/a')).toBeUndefined()
    expect(held('0/dir/b')).toMatchObject({ sizeBytes: 6, stale: true })
    expect(held('0/dir/b').hardLinkOf).toBeUndefined()
  })
})
