/** From samples to rows: medians of both sides, and the ratios of the rounds in which both have a value. Pure. */
import type { Sample, Unit } from './samples.ts'

export interface Ratio {
  readonly min: number
  readonly median: number
  readonly max: number
}

export interface Row {
  readonly work: string
  readonly store: string
  readonly measure: string
  readonly unit: Unit
  /** Rounds that Holdfast has a value of. */
  readonly rounds: number
  readonly holdfast: number
  /** Undefined: restic has nothing to compare with. */
  readonly restic: number | undefined
  /** Of Holdfast to restic, round by round; undefined also where restic's value is 0. */
  readonly ratio: Ratio | undefined
}

export function report(samples: readonly Sample[]): Row[] {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const key = JSON.stringify([sample.work, sample.store, sample.measure])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [sample])
    else group.push(sample)
  }
  return [...groups.values()].map(rowOf)
}

function rowOf(group: readonly Sample[]): Row {
  const valuesOf = (side: Sample['side']) =>
    new Map(group.filter((one) => one.side === side).map(({ round, value }) => [round, value]))
  const holdfast = valuesOf('holdfast')
  const restic = valuesOf('restic')
  const ratios = [...holdfast].flatMap(([round, value]) => {
    const other = restic.get(round) ?? 0
    return other === 0 ? [] : [value / other]
  })
  const { work, store, measure, unit } = group[0] as Sample
  return {
    work,
    store,
    measure,
    unit,
    rounds: holdfast.size,
    holdfast: median([...holdfast.values()]),
    restic: restic.size === 0 ? undefined : median([...restic.values()]),
    ratio:
      ratios.length === 0
        ? undefined
        : { min: Math.min(...ratios), median: median(ratios), max: Math.max(...ratios) },
  }
}

/** Of an even number of values the mean of the two in the middle; `NaN` of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}
