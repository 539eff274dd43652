import { Refusal } from '../inject/refusal.ts'

/**
 * The answer of `work`, or, once the time is over, a `Refusal` to try again. `work` goes on, and nobody hears of it.
 * @param who is waited for.
 */
export async function withinDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  who: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Refusal(`${who} did not answer within ${deadlineMs} ms; try again`, 503))
    }, deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
