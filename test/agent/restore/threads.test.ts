/** What is true of a restore that writes by itself is true of one that has threads write. */
import { randomBytes } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FileRefusedError } from '../../../agent/restore/file-refused-error.ts'
import type { FrameJob } from '../../../agent/restore/frame-job.ts'
import { startFrameWriters } from '../../../agent/restore/frame-writers.ts'
import { PLAIN_VAULT, createVault } from '../../../shared/encryption/vault.ts'
import { newDataKey } from '../../../shared/encryption/wrap-chain.ts'
import { mount } from '../../support/mount.ts'
import { temporaryFolder } from '../../support/agent-pod.ts'
import { STREAM, TempVolume } from '../capture/temp-volume.ts'
import { walkTree } from '../capture/tree-walk.ts'
import { restore } from './restore-into.ts'

const MIB = 1024 * 1024
/** Enough files for threads to be started. */
const FOLDERS = 40
const FILES = 30

function newVolume(options: ConstructorParameters<typeof TempVolume>[0] = {}): TempVolume {
  const volume = new TempVolume(options)
  onTestFinished(() => volume.remove())
  return volume
}

/** Small files and some of many chunks, with modes, links, holes, and bytes that are there twice. */
function makeMuch(volume: TempVolume): void {
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    mkdirSync(volume.at(`${folder % 4}/${folder}`), { recursive: true })
    for (let file = 0; file < FILES; file += 1) {
      const name = volume.at(`${folder % 4}/${folder}/${file}`)
      writeFileSync(name, file % 7 === 0 ? 'the same' : `${folder} ${file}`.repeat(file * 10))
      chmodSync(name, [0o644, 0o600, 0o4755, 0o444][file % 4] ?? 0o644)
    }
  }
  for (const name of ['large', 'larger'])
    writeFileSync(volume.at(name), randomBytes((name.length - 2) * 4 * MIB))
  writeFileSync(volume.at('sparse'), randomBytes(MIB))
  truncateSync(volume.at('sparse'), 3 * MIB)
  linkSync(volume.at('large'), volume.at('0/linked'))
}

function pairOf(options: ConstructorParameters<typeof TempVolume>[0] = {}) {
  const source = newVolume(options)
  return { source, target: newVolume({ ...options, store: source.store }) }
}

const key = newDataKey()

describe.each([
  { how: 'in clear', vault: PLAIN_VAULT },
  { how: 'under a key', vault: createVault(key.bytes, key.id, STREAM) },
])('$how', ({ vault }) => {
  it('a tree is brought back as it was, into nothing and over another', async () => {
    const { source, target } = pairOf({ vault })
    makeMuch(source)
    await source.commit()
    await restore(source, target)
    expect(walkTree(target.dir)).toEqual(walkTree(source.dir))
    const other = newVolume({ vault, store: source.store })
    makeMuch(other)
    await restore(source, other)
    expect(walkTree(other.dir)).toEqual(walkTree(source.dir))
  })
})

it('a damaged pack costs the files that it holds, wherever else their other bytes lie', async () => {
  const { source, target } = pairOf()
  makeMuch(source)
  await source.commit()
  const packs = [...source.store.objects].filter(([name]) => name.includes('/packs/'))
  expect(packs.length).toBeGreaterThan(2)
  const [damaged, object] = packs.at(-1) ?? []
  object?.body.fill(1, 0, object.body.length >> 1)
  const { lost } = await restore(source, target)
  expect(lost.length).toBeGreaterThan(0)
  for (const { why } of lost) expect(why).toMatch(`object ${damaged} is corrupt`)
  const names = new Set(lost.map(({ name }) => name.slice(2)))
  const left = walkTree(target.dir)
  const wanted = walkTree(source.dir)
  expect(left.length).toBe(wanted.length - names.size)
  expect(JSON.stringify(left)).not.toContain('.holdfast-')
})

it('a disk that fills ends it with a sentence about a file, and leaves nothing half written', async (context) => {
  const { source, target } = pairOf()
  makeMuch(source)
  await source.commit()
  mkdirSync(target.dir)
  if (!mount('-t', 'tmpfs', '-o', 'size=12m', 'none', target.dir)) return context.skip()
  const restoring = restore(source, target)
  await expect(restoring).rejects.toThrow(/data\/.* cannot be written \(ENOSPC\)$/)
  expect(readdirSync(target.dir).filter((name) => name.startsWith('.holdfast'))).toEqual([])
})

const job = (path: string): FrameJob => ({
  key: 'packs/x',
  body: new Uint8Array(randomBytes(10)),
  fsync: false,
  frames: [
    {
      ref: { offset: 8, storedBytes: 10, plainBytes: 10 },
      at: 0,
      pieces: [
        {
          row: 7,
          id: 'x',
          start: 0,
          lengthBytes: 10,
          slice: undefined,
          offset: 0,
          path,
          whole: undefined,
        },
      ],
    },
  ],
})

describe('writers', () => {
  it.each([
    { who: 'this thread', files: 1 },
    { who: 'threads', files: 100_000 },
  ])('tell of damage, and of what the file system says: $who', async ({ files }) => {
    const writers = startFrameWriters(PLAIN_VAULT, files, 0)
    try {
      const { lost } = await writers.run(job('/nowhere'))
      expect(lost).toEqual([{ row: 7, why: expect.stringContaining('does not match its hash') }])
      const bytes = new Uint8Array(randomBytes(10))
      const { frames, ...rest } = job(`${temporaryFolder()}/is/not/there`)
      const id = PLAIN_VAULT.chunkId(Buffer.from(bytes)).toString('hex')
      const named = frames.map((frame) => ({
        ...frame,
        pieces: frame.pieces.map((piece) => ({ ...piece, id })),
      }))
      const refused = await writers
        .run({ ...rest, body: bytes, frames: named })
        .catch((e: unknown) => e)
      expect(refused).toBeInstanceOf(FileRefusedError)
      expect(refused).toMatchObject({ row: 7, cause: { code: 'ENOENT', syscall: 'open' } })
    } finally {
      await writers.close()
    }
  })
})
