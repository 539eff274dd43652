import { spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Mounts, until the test is over. False: this user may not. */
export function mount(...words: readonly string[]): boolean {
  if (spawnSync('mount', words).status !== 0) return false
  const target = words.at(-1) ?? ''
  onTestFinished(() => void spawnSync('umount', ['-l', target]))
  return true
}

export function unmount(target: string): void {
  const { status, stderr } = spawnSync('umount', [target], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot unmount ${target}: ${stderr}`)
}
