/** One piece of work of one side, and all that is told about it. */
import type { Bench, Turn } from '../bench.ts'
import type { Sample, Side, Unit } from '../samples.ts'
import type { Place } from '../stores/place.ts'
import type { Run } from './processes.ts'

export interface Work {
  readonly name: string
  readonly side: Side
  readonly place: Place
  /** It stores something: a backup, no restore. */
  readonly stores: boolean
}

/** Runs it and adds its samples: wall, CPU, peak RSS, bytes stored, requests. */
export async function measureWork(
  bench: Bench,
  turn: Turn,
  { name, side, place, stores }: Work,
  run: () => Promise<Run>,
): Promise<Run> {
  // What others have written is on disk before: a restore waits until its own bytes are, and would pay for those, too.
  await bench.processes.run(['sync'])
  const storedBefore = stores ? await place.storedBytes() : 0
  const requestsBefore = await place.requests()
  const result = await run()
  const requestsAfter = await place.requests()
  const add = addTo(bench, turn, name, side)
  add('wall', 'ms', result.wallMs)
  add('CPU', 'ms', result.cpuMs)
  add('peak RSS', 'bytes', result.peakRssBytes)
  if (stores) add('stored', 'bytes', (await place.storedBytes()) - storedBefore)
  if (requestsBefore !== undefined && requestsAfter !== undefined)
    add('requests', 'count', requestsAfter.all - requestsBefore.all)
  return result
}

export type AddSample = (measure: string, unit: Unit, value: number) => void

/** Adds samples of one piece of work of one side. */
export function addTo(
  bench: Bench,
  { round, store }: Pick<Sample, 'round' | 'store'>,
  work: string,
  side: Side,
): AddSample {
  return (measure, unit, value) =>
    bench.samples.add({ work, store, measure, unit, side, round, value })
}
