/**
 * Which frames do versions need? Deltas form a tree (each is told against its base); a frame is live when a version
 * that counts sees an entry with it, that is, when no delta between has replaced the entry. The tree is walked once,
 * depth first, and no version's entries are ever gone over as a whole: the work follows the length of the deltas.
 * Memory: the entries of one version, and what the deltas down to it have replaced.
 */
import type { Entry, PackedFrame } from '../repository/entry.ts'
import { isHole } from '../repository/entry.ts'

/** Frames by their object (a pack, or `v<n>`) and offset, with the bytes that they take there. */
export type FrameSet = Map<string, Map<number, number>>

/** `kept`: by versions that stay. `planned`: by versions that are about to go, and may yet be kept. */
export type Need = 'kept' | 'planned'

/** What one delta says of one name, while the walk is below that delta. */
interface Saying {
  readonly places: readonly PackedFrame[]
  /** What the deltas above say of it. */
  readonly before: Saying | undefined
  /** How many versions had counted when it came (back) into sight. */
  seen: Record<Need, number>
}

export class LiveFrames {
  readonly frames: Record<Need, FrameSet> = { kept: new Map(), planned: new Map() }
  readonly #counted: Record<Need, number> = { kept: 0, planned: 0 }
  readonly #inSight = new Map<string, Saying>()
  /** The names that each version down to the one at hand says something of. */
  readonly #path: string[][] = []

  /** Goes down to a version that is told against the one at hand, or to one that is told in full. */
  enter(): void {
    this.#path.push([])
  }

  /** What the version at hand says of a name: its entry's frames; none for one that has gone. */
  say(name: string, places: readonly PackedFrame[]): void {
    const before = this.#inSight.get(name)
    if (before !== undefined) this.#settle(before)
    this.#inSight.set(name, { places, before, seen: { ...this.#counted } })
    this.#path.at(-1)?.push(name)
  }

  /** The version at hand counts. */
  count(need: Need): void {
    this.#counted[need] += 1
  }

  /** Goes back up to the version that the one at hand is told against. After the last one, `frames` is whole. */
  leave(): void {
    for (const name of (this.#path.pop() ?? []).toReversed()) {
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

export function addFrame(
  frames: FrameSet,
  { pack, offset, storedBytes }: Omit<PackedFrame, 'plainBytes'>,
): void {
  const inPack = frames.get(pack)
  if (inPack === undefined) frames.set(pack, new Map([[offset, storedBytes]]))
  else inPack.set(offset, storedBytes)
}

/** The frames that an entry's bytes lie in; neighbours of one file in one frame are named once. */
export function framesOf(entry: Entry): PackedFrame[] {
  if (entry.type !== 'file') return []
  const frames: PackedFrame[] = []
  for (const chunk of entry.chunks) {
    if (isHole(chunk)) continue
    const last = frames.at(-1)
    if (last?.pack !== chunk.frame.pack || last.offset !== chunk.frame.offset)
      frames.push(chunk.frame)
  }
  return frames
}
