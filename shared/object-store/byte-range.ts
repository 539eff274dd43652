import { StoreRefusedError, type ByteRange } from './object-store.ts'

/** The bytes from `start` up to, not including, `end`. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** What a range means in an object of this size: never more than there is. */
export function resolveRange(range: ByteRange | undefined, sizeBytes: number): ByteSpan {
  if (range === undefined) return { start: 0, end: sizeBytes }
  if ('lastBytes' in range)
    return { start: Math.max(sizeBytes - range.lastBytes, 0), end: sizeBytes }
  const start = Math.min(range.offset, sizeBytes)
  return { start, end: Math.min(start + range.lengthBytes, sizeBytes) }
}

/** The value of an HTTP `Range` header; undefined for the whole object. The range is not empty. */
export function formatRange(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined
  if ('lastBytes' in range) return `bytes=-${range.lastBytes}`
  return `bytes=${range.offset}-${range.offset + range.lengthBytes - 1}`
}

/** True for a range of no bytes, for which HTTP has no words. */
export function isEmptyRange(range: ByteRange): boolean {
  return ('lastBytes' in range ? range.lastBytes : range.lengthBytes) === 0
}

/** Throws a `StoreRefusedError` unless all numbers are whole and not negative. */
export function checkRange(range: ByteRange | undefined): void {
  const { room: _notANumber, ...numbers } = { room: undefined, ...range }
  for (const [name, value] of Object.entries(numbers))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new StoreRefusedError(`a range with ${name} ${value}: allowed are whole numbers from 0`)
}

/** The memory that was given for the body, if any. */
export function roomIn(range: ByteRange | undefined): Buffer | undefined {
  return range !== undefined && 'room' in range ? range.room : undefined
}
