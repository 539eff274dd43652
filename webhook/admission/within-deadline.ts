import { Refusal } from '../inject/refusal.ts'

/** The answer of `work`, or, once the time is over, a `Refusal` to try again. `work` goes on, and nobody hears of it. */
export async function withinDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Refusal(`the store did not answer within ${deadlineMs} ms; try again`, 503))
    }, deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
