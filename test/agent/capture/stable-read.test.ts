import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readStable } from '../../../agent/capture/stable-read.ts'
import type { Clock } from '../../../shared/clock.ts'
import { systemClock } from '../../../shared/clock.ts'
import { HandClock } from '../../shared/repository/memory-store.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'stable-read-'))
  file = path.join(dir, 'file')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Reads; `onChunk` is called while the file is being read. */
async function read(onChunk: () => void = () => undefined, clock: Clock = new HandClock()) {
  const chunks = new Map<string, Buffer>()
  const keep = (bytes: Buffer) => {
    onChunk()
    const id = createHash('sha256').update(bytes).digest('hex')
    chunks.set(id, Buffer.from(bytes))
    const frame = { pack: 'p', offset: 0, storedBytes: 0, plainBytes: 0 }
    return { id, lengthBytes: bytes.length, frame, start: 0 }
  }
  const kept = await readStable(file, { keep, room: () => undefined }, clock)
  const bytes = kept?.chunks.map((chunk) =>
    'hole' in chunk ? Buffer.alloc(chunk.hole) : (chunks.get(chunk.id) ?? Buffer.alloc(0)),
  )
  return kept && { ...kept, bytes: Buffer.concat(bytes ?? []) }
}

it.each([0, 1, 300_000, 20_000_000])('keeps a file of %d bytes as it is', async (size) => {
  const bytes = randomBytes(size)
  writeFileSync(file, bytes)
  const kept = await read()
  expect(kept?.bytes.equals(bytes)).toBe(true)
  expect(kept).toMatchObject({ stable: true, sizeBytes: size })
})

it('reads a file again that changed while it was read', async () => {
  writeFileSync(file, 'before')
  let calls = 0
  const kept = await read(() => {
    if ((calls += 1) === 1) writeFileSync(file, 'after!')
  })
  expect(kept?.bytes.toString()).toBe('after!')
  expect(kept?.stable).toBe(true)
})

it('reads the new file where another was moved to its place', async () => {
  writeFileSync(file, 'before')
  writeFileSync(`${file}.new`, 'after!')
  let calls = 0
  const kept = await read(() => {
    if ((calls += 1) === 1) renameSync(`${file}.new`, file)
  })
  expect(kept?.bytes.toString()).toBe('after!')
})

it('gives up on a file that changes each time, after four reads, and says so', async () => {
  writeFileSync(file, 'x0')
  let calls = 0
  const clock = new HandClock()
  const kept = await read(() => writeFileSync(file, `x${(calls += 1)}`), clock)
  expect(calls).toBe(4)
  expect(kept?.stable).toBe(false)
  expect(kept?.bytes.length).toBe(kept?.sizeBytes)
  expect(clock.sleeps).toEqual([20, 100, 400])
})

it('keeps of a log that only grows what was there when it was opened', async () => {
  writeFileSync(file, 'line 0\n')
  let calls = 0
  const kept = await read(() => appendFileSync(file, `line ${(calls += 1)}\n`))
  expect(kept?.stable).toBe(true)
  expect(kept?.bytes.toString()).toBe('line 0\n')
  expect(calls).toBe(3) // two reads, and once more where the first one ended
})

it('does not take a file for a growing log whose beginning changes', async () => {
  writeFileSync(file, 'line 0\n')
  let calls = 0
  const kept = await read(() => {
    calls += 1
    writeFileSync(file, `rewritten ${calls}\n${'more\n'.repeat(calls)}`)
  })
  expect(kept?.stable).toBe(false)
})

it('keeps what there is of a file that is cut while it is read', async () => {
  writeFileSync(file, randomBytes(20_000_000))
  let calls = 0
  const kept = await read(() => {
    if ((calls += 1) === 1) truncateSync(file, 5)
  })
  expect(kept?.sizeBytes).toBe(5)
  expect(kept?.bytes.equals(readFileSync(file))).toBe(true)
})

it('finds nothing where there is no regular file (any more), and is not held by a FIFO', async () => {
  expect(await read()).toBeUndefined()
  symlinkSync('/etc/hostname', file)
  expect(await read()).toBeUndefined()
  unlinkSync(file)
  execFileSync('mkfifo', [file])
  expect(await read()).toBeUndefined()
  file = `${file}/below`
  expect(await read()).toBeUndefined()
})

it('keeps one state of a file that another process rewrites without pause, or says that it is unstable', async () => {
  writeFileSync(file, Buffer.alloc(3_000_000, 0))
  const writer = fork(path.join(import.meta.dirname, 'rewrite.ts'), [file], { stdio: 'ignore' })
  try {
    await once(writer, 'message')
    for (let i = 0; i < 25; i += 1) {
      const kept = await read(undefined, systemClock)
      if (kept?.stable !== true) continue
      const first = kept.bytes[0] ?? 0
      expect(kept.bytes.equals(Buffer.alloc(3_000_000, first))).toBe(true)
    }
  } finally {
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
})
