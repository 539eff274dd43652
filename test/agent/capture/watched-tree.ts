/** A small directory tree that is watched: made anew for each test, and removed behind it. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, vi } from 'vitest'
import type { Dirty, Hints } from '../../../agent/capture/directory-watcher.ts'
import { watchDirectories } from '../../../agent/capture/directory-watcher.ts'

/** The directories `one`, `one/deep` and `two` and the file `one/file`, each directory covered. */
export class WatchedTree {
  readonly base = realpathSync(mkdtempSync(path.join(tmpdir(), 'watched-')))
  readonly root = path.join(this.base, 'data')
  /** What the watcher said when it could not watch. */
  readonly degraded: string[] = []
  /** A test may put another watcher in its place. */
  hints: Hints

  constructor() {
    chmodSync(this.base, 0o755)
    mkdirSync(this.at('one/deep'), { recursive: true })
    mkdirSync(this.at('two'))
    writeFileSync(this.at('one/file'), 'text')
    this.hints = watchDirectories((why) => this.degraded.push(why))
    for (const name of ['', 'one', 'one/deep', 'two']) this.hints.cover(this.at(name))
    expect(this.hints.take()).toBe('all')
  }

  at(name: string): string {
    return name === '' ? this.root : `${this.root}/${name}`
  }

  /** Takes until everything expected has come: `''` is the root, `..` its parent. Returns all that came. */
  async expectDirty(expected: Record<string, string[] | 'all'>) {
    const seen = new Map<string, Set<string> | 'all'>()
    await eventually(() => {
      gather(seen, this.hints.take())
      for (const [name, names] of Object.entries(expected)) {
        const got = seen.get(name === '..' ? this.base : this.at(name))
        if (names === 'all') expect(got).toBe('all')
        else
          expect(got === 'all' ? got : Array.from(got ?? [])).toEqual(expect.arrayContaining(names))
      }
    })
    return seen
  }

  async remove(): Promise<void> {
    await this.hints.close()
    rmSync(this.base, { recursive: true, force: true })
  }
}

/** A slow machine is no failure. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

function gather(seen: Map<string, Set<string> | 'all'>, taken: Dirty | 'all') {
  if (taken === 'all') throw new Error('everything is dirty')
  for (const [directory, names] of taken) {
    const held = seen.get(directory)
    if (names === 'all' || held === 'all') seen.set(directory, 'all')
    else seen.set(directory, new Set([...(held ?? []), ...names]))
  }
}
