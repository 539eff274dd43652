/** The volumes of the model's cluster: who may have which, and where they lie. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Layout } from '../../agent/volume/layout.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Pod, Volume } from './pod.ts'
import type { Scene } from './scene.ts'

export class Volumes {
  readonly #scene: Scene
  readonly #dir: string
  readonly #random: SeededRandom
  readonly #claims: Volume[]
  #made = 0

  constructor(scene: Scene, dir: string, random: SeededRandom) {
    this.#scene = scene
    this.#dir = dir
    this.#random = random
    this.#claims = [this.#make('PVC', 0)]
    if (scene.kind === 'two PVCs in turn') this.#claims.push(this.#make('PVC', 0))
  }

  /** The volumes that a pod created now would get; undefined when it has to wait. */
  free(pods: readonly Pod[]): Volume[] | undefined {
    const running = pods.filter(({ alive, inCluster }) => alive && inCluster)
    if (running.some(({ terminatedMs }) => terminatedMs === undefined)) return undefined
    if (this.#scene.exclusive && running.length > 0) return undefined
    if (this.#scene.kind === 'emptyDir') return [this.#make('emptyDir', 0)]
    const used = new Set(pods.filter(({ alive }) => alive).flatMap(({ volumes }) => volumes))
    const free = this.#claims.filter((volume) => !used.has(volume))
    if (free.length === 0) return undefined
    const claim = free[this.#random.below(free.length)] as Volume
    if (this.#scene.kind !== 'PVC and emptyDir') return [claim]
    return [claim, this.#make('emptyDir', 1)]
  }

  #make(kind: 'PVC' | 'emptyDir', root: number): Volume {
    this.#made += 1
    const name = `${kind}${this.#made}`
    const dir = path.join(this.#dir, name)
    mkdirSync(dir, { recursive: true })
    return { name, root, dir, content: new Map(), tip: 0, half: false }
  }
}

export function layoutOf(volumes: readonly Volume[]): Layout {
  return {
    roots: volumes.map(({ root, dir }) => ({
      path: `/data${root}`,
      as: 'files',
      at: dir,
      excludes: () => false,
    })),
    volumes: volumes.map(({ dir }) => ({ at: dir, sizeLimitBytes: null, memory: false })),
  }
}
