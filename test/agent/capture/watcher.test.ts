import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Hints } from '../../../agent/capture/watcher.ts'
import { watchLayout } from '../../../agent/capture/watcher.ts'
import { TempVolume } from './temp-volume.ts'

let volume: TempVolume
let hints: Hints
let heard = 0
let degraded: string[] = []

beforeEach(async () => {
  volume = new TempVolume({ exclude: ['cache/'] })
  mkdirSync(volume.at('deep/er'), { recursive: true })
  mkdirSync(volume.at('cache'))
  writeFileSync(volume.at('deep/file'), 'text')
  heard = 0
  degraded = []
  hints = watchLayout(volume.layout, (why) => degraded.push(why))
  hints.onHint(() => (heard += 1))
  // It is ready when it hints at what nobody could have seen until then.
  await vi.waitFor(() => expect(heard).toBeGreaterThan(0), { timeout: 30_000 })
})
afterEach(async () => {
  await hints.close()
  volume.remove()
})

/** Each change is made again until it was heard: the hint is owed to one of them, not to the first. */
async function expectHint(change: (attempt: number) => void): Promise<void> {
  const before = heard
  let attempt = 0
  await vi.waitFor(
    () => {
      change((attempt += 1))
      expect(heard).toBeGreaterThan(before)
    },
    { timeout: 30_000, interval: 50 },
  )
}

it('hints at a new file, a write, a rename, a removal, in any directory', async () => {
  await expectHint((i) => writeFileSync(volume.at(`new-${i}`), ''))
  await expectHint((i) => writeFileSync(volume.at('deep/file'), `${i}`))
  await expectHint((i) =>
    renameSync(volume.at(i === 1 ? 'deep/file' : `deep/${i - 1}`), volume.at(`deep/${i}`)),
  )
  await expectHint(() => rmSync(volume.at('deep/er'), { recursive: true, force: true }))
  expect([hints.reliable, degraded]).toEqual([true, []])
})

it('hints at what happens in a directory that was not there at the start', async () => {
  await expectHint((i) => mkdirSync(volume.at(`later-${i}`)))
  await expectHint((i) => {
    mkdirSync(volume.at('later/below'), { recursive: true })
    writeFileSync(volume.at('later/below/file'), `${i}`)
  })
})

it('survives links that lead in circles', async () => {
  symlinkSync('..', volume.at('deep/up'))
  await expectHint((i) => writeFileSync(volume.at('deep/file'), `${i}`))
  expect(degraded).toEqual([])
})
