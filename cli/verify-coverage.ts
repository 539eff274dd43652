/** Which part of the chunks a run reads: all of them, or a random choice that can be repeated. */
import { createHash } from 'node:crypto'

export interface Coverage {
  /** Of the frames, at least; 100: every byte. */
  readonly percent: number
  /** What the choice begins with; the same seed over the same objects chooses the same frames. */
  readonly seed: number
}

/** A frame where it lies, for as long as it is there. */
interface FramePlace {
  readonly pack: string
  readonly offset: number
}

/**
 * The frames to read, out of those given: the share asked for, one at least. Whole frames are chosen, and every chunk
 * in them is checked: a choice among chunks would fetch nearly all frames for a tenth of the chunks.
 */
export function chooseFrames(
  frames: Uint32Array,
  { percent, seed }: Coverage,
  placeOf: (frame: number) => FramePlace,
): Uint32Array {
  if (percent === 100) return frames
  const scores = Float64Array.from(frames, (frame) => score(seed, placeOf(frame)))
  const wanted = Math.ceil((frames.length * percent) / 100)
  const limit = scores.toSorted()[wanted - 1] ?? -1
  return frames.filter((_frame, i) => (scores[i] ?? 1) <= limit)
}

function score(seed: number, { pack, offset }: FramePlace): number {
  return createHash('sha256').update(`${seed} ${pack} ${offset}`).digest().readUIntBE(0, 6)
}
