/** Sets of a log's numbers as they are written down: a day of commits is a few ranges, not thousands of numbers. */

/** From the first number to the last, both included. */
export type NumberRange = readonly [first: number, last: number]

/**
 * @param numbers a part of `all`. A range spans numbers that follow each other in `all`, so that nothing else that is
 * there is ever named by it.
 * @param all every number there is, ascending.
 */
export function toRanges(numbers: ReadonlySet<number>, all: readonly number[]): NumberRange[] {
  const ranges: [number, number][] = []
  let open: [number, number] | undefined
  for (const n of all) {
    if (!numbers.has(n)) open = undefined
    else if (open === undefined) ranges.push((open = [n, n]))
    else open[1] = n
  }
  return ranges
}

/** The range that a number lies in; undefined when it is in none. `ranges` ascend and do not overlap. */
export function rangeOf(ranges: readonly NumberRange[], n: number): NumberRange | undefined {
  let [low, high] = [0, ranges.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const range = ranges[middle] as NumberRange
    if (n < range[0]) high = middle - 1
    else if (n > range[1]) low = middle + 1
    else return range
  }
  return undefined
}
