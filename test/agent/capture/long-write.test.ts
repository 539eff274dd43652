import { closeSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSmall, readStable } from '../../../agent/capture/stable-read.ts'
import type { ChunkKeeper } from '../../../agent/capture/stable-read.ts'
import { systemClock } from '../../../shared/clock.ts'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { temporaryFolder } from '../../support/agent-pod.ts'
import { longWrite } from '../../support/long-write.ts'
import { laterClock } from './temp-volume.ts'

const OLD = 1
const NEW = 2
const SIZE = 32 * 1024 * 1024

/** @param onChunk is called while the file is being read. */
function keeperOf(onChunk: (bytes: Buffer) => void): ChunkKeeper {
  const frame = { pack: 'p', offset: 0, storedBytes: 0, plainBytes: 0 }
  return {
    room: () => undefined,
    keep: (bytes) => {
      onChunk(bytes)
      const id = PLAIN_VAULT.chunkId(bytes).toString('hex')
      return { id, lengthBytes: bytes.length, frame, start: 0 }
    },
  }
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function byteAt(fd: number, at: number): number {
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, at)
  return byte[0] ?? 0
}

test('a file that one long call is writing is kept as it was at one moment, though its times stand still', async () => {
  const file = `${temporaryFolder()}/file`
  writeFileSync(file, Buffer.alloc(SIZE, OLD))
  const { ended } = await longWrite(file, NEW)
  const fd = openSync(file, 'r')
  while (byteAt(fd, SIZE / 16) === OLD) sleepSync(1)
  let overtook = false
  // A reader that overtakes the writer, and then is overtaken, finds new bytes, old ones, and new ones again.
  const keeper = keeperOf((bytes) => {
    if (overtook || bytes[0] !== OLD) return
    overtook = true
    while (byteAt(fd, SIZE - 1) === OLD) sleepSync(1)
  })
  const read = await readStable(file, keeper, systemClock)
  closeSync(fd)
  await ended
  expect(overtook).toBe(true)
  const written = await readStable(file, keeper, laterClock)
  expect(read).toMatchObject({ stable: true, chunks: written?.chunks })
})

/** How often each byte of a file is read that was changed `ageMs` ago. */
async function timesRead(sizeBytes: number, ageMs: number): Promise<number> {
  const file = `${temporaryFolder()}/file`
  writeFileSync(file, Buffer.alloc(sizeBytes, OLD))
  const now = new Date(statSync(file).ctimeMs + ageMs)
  const clock = { ...systemClock, now: () => now }
  let bytesRead = 0
  const keeper = keeperOf((bytes) => (bytesRead += bytes.length))
  if (readSmall(file, keeper, clock) === 'again') throw new Error('it rests, and does not seem to')
  const times = bytesRead / sizeBytes
  await readStable(file, keeper, clock)
  expect(bytesRead / sizeBytes).toBe(2 * times)
  return times
}

test('only what changed within 2 s, or the time that writing so many bytes may take, is read twice', async () => {
  expect(await timesRead(100, 0)).toBe(2)
  expect(await timesRead(100, 2_100)).toBe(1)
  expect(await timesRead(40_000_000, 2_100)).toBe(2)
  expect(await timesRead(40_000_000, 8_000)).toBe(1)
})
