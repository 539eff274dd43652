import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CorruptObjectError, NotFoundError } from '../../../shared/errors.ts'
import { DeltaChain } from '../../../shared/repository/delta-chain.ts'
import type { DirectoryEntry, Entry, FileEntry } from '../../../shared/repository/entry.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { loadManifest } from '../../../shared/repository/version-object.ts'
import { VersionLog } from '../../../shared/repository/version-log.ts'
import { anyEntries } from './any-manifest.ts'
import { MemoryStore, patience } from './memory-store.ts'
import { STREAM, TestLog, unstated } from './records.ts'

function repository() {
  const store = new MemoryStore()
  return { store, log: new VersionLog(store, STREAM, patience()), written: new TestLog(store) }
}

const NOWHERE = { base: 0, depth: 0, offset: 0, blocks: [], sha256: '' }
const METADATA = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, ctimeNs: 0n, inode: 1n }
const directory = (name: string): DirectoryEntry => ({ ...METADATA, name, type: 'directory' })
const file = (name: string, hardLinkOf?: string): FileEntry => ({
  ...METADATA,
  name,
  type: 'file',
  sizeBytes: 0,
  chunks: [],
  ...(hardLinkOf !== undefined && { hardLinkOf }),
})

/** Writes versions 1, 2, … of these trees, each told against the one that the chain of deltas names. */
async function writeAll(
  written: TestLog,
  trees: readonly ReadonlyMap<string, Entry>[],
): Promise<void> {
  const chain = new DeltaChain()
  let before: ReadonlyMap<string, Entry> = new Map()
  for (const [i, tree] of trees.entries()) {
    const all = [...new Set([...before.keys(), ...tree.keys()])]
    const changed = new Set(all.filter((name) => before.get(name) !== tree.get(name)))
    const plan = chain.plan(changed, tree.size)
    const names = plan.names === 'all' ? [...tree.keys()] : [...plan.names]
    const { base, depth } = plan
    await written.add(
      unstated('version', i + 1, { parent: i, manifest: { ...NOWHERE, base, depth } }),
      {
        changed: names.flatMap((name) => tree.get(name) ?? []),
        gone: names.filter((name) => !tree.has(name)),
        faults: [],
      },
    )
    chain.committed(i + 1, plan, changed)
    before = tree
  }
}

it('reads back each version of a history, full or told as deltas', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntries, { maxLength: 12 }), async (trees) => {
      const { store, log, written } = repository()
      const plain = trees.map(
        (tree) => new Map([...tree].filter(([, { type }]) => type !== 'file')),
      )
      await writeAll(written, plain)
      for (const [i, tree] of plain.entries())
        expect(new Map((await loadManifest(store, log, i + 1)).entries)).toEqual(tree)
    }),
    { numRuns: 50 },
  )
})

it('"nothing" has no entries', async () => {
  const { store, log } = repository()
  expect(await loadManifest(store, log, 0)).toEqual({ entries: new Map(), faults: [] })
})

it.each<[string, Entry[]]>([
  ['an entry below a file', [directory('0'), file('0/a'), file('0/a/b')]],
  [
    'an entry below a symbolic link',
    [directory('0'), { ...METADATA, name: '0/a', type: 'symlink', target: '/etc' }, file('0/a/b')],
  ],
  ['an entry in a directory that is not there', [directory('0'), file('0/a/b')]],
  ['an entry below no declared path', [file('0/a')]],
  ['a hard link to nothing', [directory('0'), file('0/a', '0/b')]],
  ['a hard link to a directory', [directory('0'), file('0/a', '0')]],
  ['a hard link to itself', [directory('0'), file('0/a', '0/a')]],
  ['hard links in a circle', [directory('0'), file('0/a', '0/b'), file('0/b', '0/a')]],
])('refuses a version that has %s', async (_what, changed) => {
  const { store, log, written } = repository()
  await written.add(unstated('version', 1), { changed, gone: [], faults: [] })
  await expect(loadManifest(store, log, 1)).rejects.toThrow(CorruptObjectError)
})

it('refuses a manifest in which a bit has flipped', async () => {
  const { store, log, written } = repository()
  await written.add(unstated('version', 1), { changed: [directory('0')], gone: [], faults: [] })
  const object = store.objects.get(versionKey(STREAM, 1))
  object?.body.writeUInt8(object.body.readUInt8(20) ^ 1, 20)
  await expect(loadManifest(store, log, 1)).rejects.toThrow(CorruptObjectError)
})

it('names the version that is missing from a chain of deltas', async () => {
  const { store, log, written } = repository()
  await writeAll(written, [new Map([['0', directory('0')]]), new Map([['0', file('0')]])])
  store.objects.delete(versionKey(STREAM, 1))
  const loading = loadManifest(store, log, 2)
  await expect(loading).rejects.toThrow(NotFoundError)
  await expect(loading).rejects.toThrow('has no v1')
})
