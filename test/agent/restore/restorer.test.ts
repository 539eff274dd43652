import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { remove } from '../../../agent/restore/file-writer.ts'
import { touchedEntries } from '../../../agent/restore/touched-entries.ts'
import { NoSpaceError, requireSpace } from '../../../agent/restore/space.ts'
import type { FileEntry } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { HoldfastError } from '../../../shared/errors.ts'
import { AccessDeniedError } from '../../../shared/object-store/object-store.ts'
import { EMPTY_MANIFEST } from '../../../shared/repository/manifest.ts'
import { TempVolume, asOtherUser, isRoot } from '../capture/temp-volume.ts'
import { walkTree } from '../capture/tree-walk.ts'
import { plan, restore } from './restore-into.ts'

let source: TempVolume
let target: TempVolume
beforeEach(() => {
  source = new TempVolume()
  target = new TempVolume({ store: source.store, exclude: ['**/*.keep'] })
  mkdirSync(source.at('dir'), { recursive: true })
  mkdirSync(target.dir)
})
afterEach(() => {
  source.remove()
  target.remove()
})

const MIB = 1024 * 1024
const text = (name: string) => readFileSync(target.at(name), 'utf8')

describe('only what differs is fetched', () => {
  it('nothing, where everything is there', async () => {
    writeFileSync(source.at('a'), randomBytes(3 * MIB))
    await source.commit()
    await restore(source, target)
    const again = await restore(source, target)
    expect(again.fetchedBytes).toBe(0)
    expect(again.plan.files).toEqual([])
  })

  it('the chunks that a present file lacks, and bytes that have only another owner or time not at all', async () => {
    const bytes = randomBytes(12 * MIB)
    writeFileSync(source.at('a'), bytes)
    writeFileSync(source.at('b'), randomBytes(2 * MIB))
    await source.commit()
    await restore(source, target)
    bytes.write('changed', 6 * MIB)
    writeFileSync(target.at('a'), bytes)
    lutimesSync(target.at('b'), 1, 1)
    const again = await restore(source, target)
    expect(again.fetchedBytes).toBeLessThan(4.1 * MIB)
    expect(again.fetchedBytes).toBeGreaterThan(0)
    expect(walkTree(target.dir)).toEqual(walkTree(source.dir))
  })

  it('what seemed to be there and is not any more, too', async () => {
    // More than one chunk, wherever it is cut: 4 MiB is the longest.
    const bytes = randomBytes(6 * MIB)
    writeFileSync(source.at('a'), bytes)
    await source.commit()
    writeFileSync(target.at('a'), bytes)
    writeFileSync(target.at('a'), 'more', { flag: 'a' })
    const restored = await restore(source, target, ({ fetchBytes }) => {
      expect(fetchBytes).toBeLessThan(bytes.length)
      writeFileSync(target.at('a'), 'gone')
    })
    expect(restored.lost).toEqual([])
    expect(readFileSync(target.at('a')).equals(bytes)).toBe(true)
  })
})

it('half-written files of an interrupted restore go, and leave no trace', async () => {
  mkdirSync(target.at('extra'))
  for (const place of ['', 'extra/'])
    writeFileSync(target.at(`${place}.holdfast-0123456789abcdef.tmp`), 'half')
  writeFileSync(source.at('a'), 'a')
  await source.commit()
  await restore(source, target)
  expect(walkTree(target.dir)).toEqual(walkTree(source.dir))
})

describe('what stays', () => {
  it('excluded names, the directories that hold them, and what the version lists as unreadable or skipped', async () => {
    writeFileSync(source.at('a'), 'a')
    await source.commit()
    mkdirSync(target.at('gone/deep'), { recursive: true })
    writeFileSync(target.at('gone/deep/x.keep'), 'mine')
    writeFileSync(target.at('gone/extra'), 'goes')
    mkdirSync(target.at('locked/below'), { recursive: true })
    writeFileSync(target.at('locked/below/file'), 'stays')
    const faults = [{ name: '0/locked', kind: 'unreadable' as const, why: 'EACCES' }]
    await restore(source, target, undefined, { ...source.manifest(), faults })
    expect(text('gone/deep/x.keep')).toBe('mine')
    expect(text('locked/below/file')).toBe('stays')
    expect(existsSync(target.at('gone/extra'))).toBe(false)
    expect(text('a')).toBe('a')
  })

  it('the declared directory itself when the version is "nothing"', async () => {
    writeFileSync(target.at('a'), 'a')
    mkdirSync(target.at('b'))
    await restore(source, target, undefined, EMPTY_MANIFEST)
    expect(readdirSync(target.dir)).toEqual([])
  })

  it('a mount point', () => {
    expect(() => remove('/', 'directory')).not.toThrow()
  })
})

describe('nothing is written outside', () => {
  it.each(['a directory', 'a directory deep in it'])('when %s has become a link', async (what) => {
    mkdirSync(source.at('dir/deep'))
    writeFileSync(source.at('dir/deep/file'), 'text')
    await source.commit()
    mkdirSync(target.at('dir/deep'), { recursive: true })
    const outside = path.join(path.dirname(target.dir), 'outside')
    mkdirSync(path.join(outside, 'deep'), { recursive: true })
    const swapped = target.at(what === 'a directory' ? 'dir' : 'dir/deep')
    const restoring = restore(source, target, () => {
      renameSync(swapped, path.join(path.dirname(target.dir), 'moved'))
      symlinkSync(outside, swapped)
    })
    await expect(restoring).rejects.toThrow('is no directory: nothing is written through it')
    expect(walkTree(outside)).toHaveLength(2)
  })

  it('when a file is a link to it', async () => {
    writeFileSync(source.at('file'), 'text')
    await source.commit()
    const outside = path.join(path.dirname(target.dir), 'outside')
    writeFileSync(outside, 'mine')
    symlinkSync(outside, target.at('file'))
    await restore(source, target)
    expect([readFileSync(outside, 'utf8'), text('file')]).toEqual(['mine', 'text'])
  })
})

describe('after an error', () => {
  it('nothing is left of the file that was being written', async () => {
    writeFileSync(source.at('a'), randomBytes(2 * MIB))
    await source.commit()
    writeFileSync(target.at('a'), 'as it was')
    const restoring = restore(source, target, () => {
      source.store.get = () => Promise.reject(new AccessDeniedError('no'))
    })
    await expect(restoring).rejects.toThrow(AccessDeniedError)
    expect(text('a')).toBe('as it was')
    expect(readdirSync(target.dir).filter((name) => name.startsWith('.holdfast'))).toEqual([])
  })

  it('a damaged object costs the files that it holds, and their links: listed, and all others restored', async () => {
    writeFileSync(source.at('a'), randomBytes(2 * MIB))
    linkSync(source.at('a'), source.at('link'))
    await source.commit()
    writeFileSync(source.at('b'), 'b')
    await source.commit()
    const [key, object] = [...source.store.objects].find(([name]) => name.includes('/packs/')) ?? []
    object?.body.writeUInt8(object.body.readUInt8(500) ^ 1, 500)
    const { lost } = await restore(source, target)
    expect(lost.map(({ name }) => name)).toEqual(['0/a', '0/link'])
    expect(lost[0]?.why).toContain(`object ${key} is corrupt`)
    expect(readdirSync(target.dir).toSorted()).toEqual(['b', 'dir'])
  })

  it('an object that is gone, likewise', async () => {
    writeFileSync(source.at('a'), randomBytes(2 * MIB))
    await source.commit()
    source.store.objects.clear()
    expect((await restore(source, target)).lost[0]?.why).toContain('it is not there any more')
  })

  it('one sentence says which file, and why', async () => {
    writeFileSync(source.at('a'), 'file')
    await source.commit()
    mkdirSync(target.at('a/x.keep'), { recursive: true })
    const restoring = restore(source, target)
    await expect(restoring).rejects.toThrow(HoldfastError)
    await expect(restore(source, target)).rejects.toThrow(/data\/a cannot be written \(E[A-Z]+\)$/)
    expect(existsSync(target.at('a/x.keep'))).toBe(true)
  })
})

it('hard links whose first name is excluded by now are one file still', async () => {
  for (const name of ['a.keep', 'b', 'c']) {
    if (name === 'a.keep') writeFileSync(source.at(name), 'shared')
    else linkSync(source.at('a.keep'), source.at(name))
  }
  await source.commit()
  const entries = touchedEntries(source.held.entries, (name) => !name.endsWith('.keep'))
  await restore(source, target, undefined, { entries, faults: [] })
  expect(text('b')).toBe('shared')
  expect(lstatSync(target.at('c')).ino).toBe(lstatSync(target.at('b')).ino)
  expect(existsSync(target.at('a.keep'))).toBe(false)
})

it('leaves read-only directories as they were, however far above the file that is written', async () => {
  mkdirSync(source.at('dir/deep/er'), { recursive: true })
  writeFileSync(source.at('dir/deep/er/file'), 'text')
  for (const name of ['dir/deep/er', 'dir/deep', 'dir']) chmodSync(source.at(name), 0o555)
  await source.commit()
  await restore(source, target)
  chmodSync(target.at('dir/deep/er'), 0o755)
  writeFileSync(target.at('dir/deep/er/file'), 'other')
  chmodSync(target.at('dir/deep/er'), 0o555)
  await restore(source, target)
  expect(text('dir/deep/er/file')).toBe('text')
  for (const name of ['dir/deep/er', 'dir/deep', 'dir'])
    expect(lstatSync(target.at(name)).mode & 0o7777, name).toBe(0o555)
})

it('gives back setuid, sticky, times before 1970 and to the microsecond', async () => {
  writeFileSync(source.at('a'), 'a')
  chmodSync(source.at('a'), 0o4711)
  chmodSync(source.at('dir'), 0o1777)
  lutimesSync(source.at('a'), '-86400.25', '-86400.25')
  lutimesSync(source.at('dir'), '1763648100.1234567', '1763648100.1234567')
  await source.commit()
  await restore(source, target)
  const of = (name: string) => lstatSync(target.at(name), { bigint: true })
  expect([of('a').mode & 0o7777n, of('dir').mode & 0o7777n]).toEqual([0o4711n, 0o1777n])
  expect(of('a').mtimeNs).toBe(-86_400_250_000_000n)
  expect(of('dir').mtimeNs / 1000n).toBe(1_763_648_100_123_456n)
})

it.skipIf(!isRoot)('lists whose owner it could not give back, and restores the rest', async () => {
  writeFileSync(source.at('a'), 'a')
  writeFileSync(source.at('b'), 'b')
  chownSync(source.at('a'), 1234, 1234)
  chownSync(source.at('dir'), 1234, 1234)
  for (const name of ['b', '.']) chownSync(source.at(name), 65_534, 65_534)
  await source.commit()
  rmSync(target.dir, { recursive: true })
  const { ownersLost } = await asOtherUser(() => restore(source, target))
  expect(ownersLost.toSorted()).toEqual(['0/a', '0/dir'])
  expect([text('a'), text('b')]).toEqual(['a', 'b'])
})

it('changes nothing where the version does not fit', async () => {
  writeFileSync(source.at('a'), randomBytes(1000))
  await source.commit()
  const planned = await plan(source.manifest(), target)
  const volume = { at: target.dir, sizeLimitBytes: 999, memory: false }
  const limited = { ...target.layout, volumes: [volume] }
  expect(() => requireSpace(limited, planned)).toThrow(NoSpaceError)
  const roomy = { ...target.layout, volumes: [{ ...volume, sizeLimitBytes: 1000 }] }
  requireSpace(roomy, planned)
  const huge = EntryTable.of(planned.target.values())
  const file = huge.get('0/a') as FileEntry
  const row = huge.set({ ...file, sizeBytes: Number.MAX_SAFE_INTEGER })
  const tooMuch = { ...planned, target: huge, files: [row] }
  expect(() => requireSpace(target.layout, tooMuch)).toThrow('free, the version needs')
})
