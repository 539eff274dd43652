/** The app of the model's pods: it writes values that were never there before, deletes files, and hints at what it did. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Pod, Volume } from './pod.ts'
import { rememberState } from './pod.ts'
import type { Scene } from './scene.ts'
import { bytesOfValue, nameOfBytes } from './values.ts'

const FILES = ['a', 'b', 'd/c'] as const

interface AppWorld {
  readonly scene: Scene
  readonly random: SeededRandom
  note(line: string): void
}

export class App {
  readonly #world: AppWorld
  #values = 0

  constructor(world: AppWorld) {
    this.#world = world
  }

  /** The app writes a new value into one of its files. */
  write(pod: Pod, big = false, file?: string): void {
    const volume = pod.volumes[this.#world.random.below(pod.volumes.length)] as Volume
    const name = file ?? this.#world.random.pick(FILES)
    this.#values += 1
    const bytes = bytesOfValue(this.#values, big)
    const at = path.join(volume.dir, name)
    const made = mkdirSync(path.dirname(at), { recursive: true })
    // Where times prove that files are unchanged, each write has to leave another inode: clocks tick slower than this runs.
    if (this.#world.scene.doubtful) writeFileSync(at, bytes)
    else {
      writeFileSync(`${at}~`, bytes)
      renameSync(`${at}~`, at)
    }
    const value = nameOfBytes(bytes)
    volume.content = new Map([...volume.content, [`${volume.root}/${name}`, value]])
    this.#changed(pod, `${pod.name} writes ${volume.root}/${name}=${value}`, [
      ...(made === undefined ? [] : [made]),
      at,
      `${at}~`,
    ])
  }

  /** The app deletes one of its files, if it has another. */
  remove(pod: Pod): void {
    const files = pod.volumes.flatMap((volume) =>
      [...volume.content.keys()].map((name) => ({ volume, name })),
    )
    const file = files[this.#world.random.below(files.length)]
    if (files.length < 2 || file === undefined) return
    const { volume, name } = file
    const at = path.join(volume.dir, name.slice(2))
    rmSync(at)
    volume.content = new Map([...volume.content].filter(([other]) => other !== name))
    this.#changed(pod, `${pod.name} deletes ${name}`, [at])
  }

  /** @param locations of what has changed. */
  #changed(pod: Pod, line: string, locations: readonly string[]): void {
    this.#world.note(line)
    rememberState(pod)
    pod.agent.hint(locations)
  }
}
