/** What is not durable yet, in the words of the condition: people read them, and so does whoever leads when the pod is gone. */

export interface Unshipped {
  /** What the agent saw when it last looked; 0: not known yet. */
  readonly bytes: number
  /** Since when, RFC 3339 to the second. */
  readonly since: string
}

const WORDS =
  /(?:at least (\d+) bytes|changes of unknown size) unshipped since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/

export function unshippedWords({ bytes, since }: Unshipped): string {
  const size = bytes === 0 ? 'changes of unknown size' : `at least ${bytes} bytes`
  return `${size} unshipped since ${since}`
}

/** Undefined: everything was durable. `message` may end with the words. */
export function readUnshipped(message: string): Unshipped | undefined {
  const match = WORDS.exec(message)
  if (match === null) return undefined
  const [, bytes = '0', since] = match as unknown as [string, string | undefined, string]
  return { bytes: Number(bytes), since }
}

/** A time as conditions have it. */
export function toSecond(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z')
}
