/** One history over a faulty net: an app, its agents one after the other, and what each acknowledged version has to be. */
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { walkTree } from '../agent/capture/tree-walk.ts'
import { temporaryFolder } from '../support/agent-pod.ts'
import { RandomWorkload } from '../support/random-workload.ts'
import { treeOf, type RepositoryView, type Tree } from '../support/repository-view.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { SessionAgent } from '../support/session-agent.ts'
import { hastyClock } from './wrong-clocks.ts'

const PATIENCE_MS = 180_000

export class FaultyHistory {
  readonly lines: string[] = []
  readonly dir: string
  readonly #view: RepositoryView
  readonly #store: ObjectStore
  readonly #random: SeededRandom
  readonly #app: RandomWorkload
  readonly #copies: string
  readonly #pod = randomUUID()
  /** What each version was when it was first restored. */
  readonly #noted = new Map<number, string[]>()
  /** What each path has been since the app last rested. */
  #states = new Map<string, Set<string>>()
  #agent: SessionAgent

  constructor(store: ObjectStore, view: RepositoryView, random: SeededRandom) {
    const root = temporaryFolder()
    this.dir = path.join(root, 'data')
    this.#copies = path.join(root, 'copies')
    fs.mkdirSync(this.dir)
    this.#view = view
    this.#store = store
    this.#random = random
    this.#app = new RandomWorkload(this.dir, random)
    this.#remember()
    this.#agent = this.#start()
  }

  get versions(): number {
    return this.#noted.size
  }

  #start(): SessionAgent {
    const { dir } = this
    return new SessionAgent({ dir, store: this.#store, clock: hastyClock, pod: this.#pod })
  }

  /** The app does some things, then rests until the agent says that the last of them is durable. */
  async batch(big = false): Promise<void> {
    await this.#requireThat('the app is let go', () => Promise.resolve(this.#agent.facts.ready))
    if (big) this.lines.push(this.#app.writeBig())
    for (let steps = 1 + this.#random.below(6); steps > 0; steps -= 1) {
      this.lines.push(this.#app.step())
      this.#remember()
      if (this.#random.below(2) === 0) await sleep(this.#random.below(30))
    }
    if (this.#random.below(4) === 0) await this.#restartAgent()
    const here = everything(this.dir)
    let checked = 0
    await this.#requireThat('the last change is durable', async () => {
      // A version whose agent was killed before it could say so counts, too.
      const newest = await this.#view.latest()
      if (newest === checked || this.#agent.facts.unshippedSinceMs !== undefined) return false
      checked = newest
      return sameLines(await this.#restore(newest), here)
    })
    await this.#judge()
    this.#states = new Map()
    this.#remember()
  }

  async end(): Promise<void> {
    await this.#agent.stop()
    expect(this.#agent.failure).toBeUndefined()
    for (const [version, lines] of this.#noted)
      expect(await this.#restore(version), `v${version}`).toEqual(lines)
  }

  /** A pod on an empty volume gets what the last one had, or is not let go. */
  async comeBack(): Promise<void> {
    const dir = path.join(path.dirname(this.dir), 'elsewhere')
    fs.mkdirSync(dir)
    const agent = new SessionAgent({ dir, store: this.#store, clock: hastyClock })
    onTestFinished(() => agent.kill())
    for (const endMs = performance.now() + PATIENCE_MS; !agent.facts.ready; await sleep(10))
      if (performance.now() > endMs || agent.failure !== undefined)
        throw this.#inVain('the restored app is let go', agent)
    expect(everything(dir)).toEqual(everything(this.dir))
    await agent.stop()
  }

  async #restartAgent(): Promise<void> {
    const gently = this.#random.below(2) === 0
    this.lines.push(gently ? 'the agent is restarted' : 'the agent is killed, and starts again')
    if (gently) await this.#agent.stop()
    else await this.#agent.kill()
    await this.#judge()
    this.#agent = this.#start()
  }

  /** Each file of an acknowledged version is what that file was at some moment since the app last rested. */
  async #judge(): Promise<void> {
    for (const version of this.#agent.acknowledged) {
      if (this.#noted.has(version)) continue
      const lines = await this.#restore(version)
      const tree = treeOf(this.#copy(version))
      const wrong = [...this.#states].filter(([name, states]) => !states.has(tree[name] ?? 'none'))
      const unknown = Object.keys(tree).filter((name) => !this.#states.has(name))
      expect([wrong, unknown], `v${version}:\n${this.lines.join('\n')}`).toEqual([[], []])
      this.#noted.set(version, lines)
    }
  }

  #remember(): void {
    const tree: Tree = treeOf(this.dir)
    const before = [...this.#states.values()].length > 0
    for (const name of new Set([...Object.keys(tree), ...this.#states.keys()])) {
      const states = this.#states.get(name) ?? new Set(before ? ['none'] : [])
      this.#states.set(name, states.add(tree[name] ?? 'none'))
    }
  }

  async #restore(version: number): Promise<string[]> {
    const into = this.#copy(version)
    fs.rmSync(into, { recursive: true, force: true })
    await this.#view.restore(version, into)
    return everything(into)
  }

  #copy(version: number): string {
    return path.join(this.#copies, String(version))
  }

  async #requireThat(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const endMs = performance.now() + PATIENCE_MS; !(await holds()); await sleep(10))
      if (performance.now() > endMs || this.#agent.failure !== undefined)
        throw this.#inVain(what, this.#agent)
  }

  #inVain(what: string, { facts, failure }: SessionAgent): Error {
    const told = [...this.lines, JSON.stringify(facts)].join('\n')
    return new Error(`in vain for: ${what}\n${told}`, { cause: failure })
  }
}

/** Everything that a version keeps, of all below the declared path. */
function everything(dir: string): string[] {
  return walkTree(dir, (below) => below.startsWith('.holdfast')).slice(1)
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}
