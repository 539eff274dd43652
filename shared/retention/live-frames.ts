/**
 * Which frames do versions need? Deltas form a tree (each is told against its base); a frame is live when a version
 * that counts sees an entry with it, that is, when no delta between has replaced the entry. The tree is walked once,
 * depth first, and no version's entries are ever gone over as a whole: the work follows the length of the deltas.
 * Memory: the entries of one version, and what the deltas down to it have replaced.
 */
import type { Entry } from '../repository/entry.ts'
import { isHole } from '../repository/entry.ts'

/** Frames by their object (a pack, or `v<n>`) and offset, with the bytes that they take there. */
export type FrameSet = Map<string, Map<number, number>>

/** `kept`: by versions that stay. `planned`: by versions that are about to go, and may yet be kept. */
export type Need = 'kept' | 'planned'

interface Place {
  readonly pack: string
  readonly offset: number
  readonly storedBytes: number
}

/** What one delta says of one name, while the walk is below that delta. */
interface Saying {
  readonly places: readonly Place[]
  /** What the deltas above say of it. */
  readonly before: Saying | undefined
  /** How many versions had counted when it came (back) into sight. */
  seen: Record<Need, number>
}

interface Told {
  readonly changed: Iterable<Entry>
  readonly gone: Iterable<string>
}

export class LiveFrames {
  readonly frames: Record<Need, FrameSet> = { kept: new Map(), planned: new Map() }
  readonly #counted: Record<Need, number> = { kept: 0, planned: 0 }
  readonly #inSight = new Map<string, Saying>()
  readonly #path: (readonly string[])[] = []

  /** Goes down to a version that is told against the one at hand, or to one that is told in full. */
  enter({ changed, gone }: Told): void {
    const names: string[] = []
    const say = (name: string, places: readonly Place[]) => {
      const before = this.#inSight.get(name)
      if (before !== undefined) this.#settle(before)
      this.#inSight.set(name, { places, before, seen: { ...this.#counted } })
      names.push(name)
    }
    for (const name of gone) say(name, [])
    for (const entry of changed) say(entry.name, placesOf(entry))
    this.#path.push(names)
  }

  /** The version at hand counts. */
  count(need: Need): void {
    this.#counted[need] += 1
  }

  /** Goes back up to the version that the one at hand is told against. After the last one, `frames` is whole. */
  leave(): void {
    for (const name of this.#path.pop() ?? []) {
      const saying = this.#inSight.get(name)
      if (saying === undefined) continue
      this.#settle(saying)
      const { before } = saying
      if (before === undefined) this.#inSight.delete(name)
      else {
        before.seen = { ...this.#counted }
        this.#inSight.set(name, before)
      }
    }
  }

  /** It goes out of sight: did a version count while it could be seen? */
  #settle({ places, seen }: Saying): void {
    for (const need of ['kept', 'planned'] as const)
      if (this.#counted[need] > seen[need])
        for (const place of places) addFrame(this.frames[need], place)
  }
}

export function addFrame(frames: FrameSet, { pack, offset, storedBytes }: Place): void {
  const inPack = frames.get(pack)
  if (inPack === undefined) frames.set(pack, new Map([[offset, storedBytes]]))
  else inPack.set(offset, storedBytes)
}

/** Small files share a frame: neighbours of one file are named once. */
function placesOf(entry: Entry): Place[] {
  if (entry.type !== 'file') return []
  const places: Place[] = []
  for (const chunk of entry.chunks) {
    if (isHole(chunk)) continue
    const { pack, frame } = chunk
    const last = places.at(-1)
    if (last?.pack !== pack || last.offset !== frame.offset)
      places.push({ pack, offset: frame.offset, storedBytes: frame.storedBytes })
  }
  return places
}
