import { describe, expect, it } from 'vitest'
import { hasContent, whyNotCommit } from '../../../agent/capture/guard.ts'
import type { Scan, ScannedEntry } from '../../../agent/capture/scanner.ts'
import type { Layout } from '../../../agent/volume/layout.ts'
import type { Entry } from '../../../shared/repository/entry.ts'

const roots = ['/data', '/more'].map((path) => ({
  path,
  as: 'files' as const,
  at: path,
  excludes: () => false,
}))
const layout: Layout = { roots, volumes: [] }
const METADATA = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
const LSTAT = { ...METADATA, sizeBytes: 0, allocatedBytes: 0, device: 1n, links: 1 }

const typeOf = (name: string) => (name.endsWith('f') ? ('file' as const) : ('directory' as const))
function heldWith(...names: string[]): Map<string, Entry> {
  return new Map(
    names.map((name) => [
      name,
      { ...METADATA, name, type: typeOf(name), sizeBytes: 0, chunks: [] },
    ]),
  )
}
function scanOf(names: string[], parts: Partial<Scan> = {}): Scan {
  const entries = new Map<string, ScannedEntry>(
    names.map((name) => [name, { ...LSTAT, name, type: typeOf(name) }]),
  )
  return {
    entries,
    unreadable: [],
    skipped: [],
    missingRoots: [],
    leftovers: [],
    ...parts,
  }
}
const SAME = { atStart: new Map([['/data', '1:2']]), now: new Map([['/data', '1:2']]) }
const why = (held: Map<string, Entry>, scan: Scan, sawContent = true, identity = SAME) => {
  const after = hasContent(scan.entries.values())
  return whyNotCommit(layout, held, scan, { before: sawContent, after }, identity)
}

const full = heldWith('0', '0/f', '1', '1/f')

describe('nothing is committed', () => {
  it('when the volume is another one, or gone', () => {
    const scan = scanOf(['0', '0/f', '1'])
    const swapped = { ...SAME, now: new Map([['/data', '1:3']]) }
    expect(why(full, scan, true, swapped)).toContain('the volume at /data is not the one')
    expect(why(full, scan, true, { ...SAME, now: new Map() })).toContain('/data')
  })

  it('when a declared path is missing that versions have', () => {
    expect(why(full, scanOf(['0', '0/f'], { missingRoots: [1] }))).toContain('/more is missing')
  })

  it('when everything is empty that was not', () => {
    expect(why(full, scanOf(['0', '1']))).toContain('/data, /more is empty, though')
  })

  it('when a declared path cannot be read', () => {
    const unreadable = [{ name: '1', kind: 'unreadable' as const, why: 'EIO' }]
    expect(why(full, scanOf(['0', '0/f'], { unreadable }))).toContain('/more cannot be read (EIO)')
  })
})

describe('commits go on', () => {
  it('when the last file of one path goes and another has some', () => {
    expect(why(full, scanOf(['0', '1', '1/f']))).toBeUndefined()
  })

  it('on a fresh volume that is empty, or whose path is not there yet', () => {
    expect(why(new Map(), scanOf(['0', '1']), false)).toBeUndefined()
    expect(why(heldWith('0'), scanOf(['0'], { missingRoots: [1] }), false)).toBeUndefined()
  })

  it('when something below cannot be read: the version is partial, and says so', () => {
    const unreadable = [{ name: '0/d', kind: 'unreadable' as const, why: 'EACCES' }]
    expect(why(full, scanOf(['0', '0/d', '1'], { unreadable }))).toBeUndefined()
  })
})
