/**
 * A random workload on a real directory, the real agent, the real S3 adapter and a real S3 store, with a net between
 * them in which everything goes wrong. Whatever the agent said to be durable is restored bit for bit, past every fault,
 * and the app's last word is always among it.
 *
 * `HOLDFAST_FAULTS=<n>` runs n long histories instead of a short one; `HOLDFAST_TEST_SEED` repeats a run.
 */
import { afterEach, expect, test } from 'vitest'
import { NET_FAULTS, type NetFault } from '../support/faulty-proxy.ts'
import { freshS3Url } from '../support/s3-url.ts'
import { SeededRandom, runSeed } from '../support/seeded-random.ts'
import { FaultyHistory } from './faulty-history.ts'
import { openBoth, startNet } from './faulty-net.ts'
import { rightClock, skewClock } from './wrong-clocks.ts'

const LONG = Number(process.env['HOLDFAST_FAULTS'] ?? 0)
const HISTORIES = LONG || 1
const BATCHES = LONG > 0 ? 10 : 3
const BATCHES_OF_ONE_FAULT = LONG > 0 ? 8 : 1
const HOURS = 6 * 60 * 60 * 1000
const SKEW_MS = 60 * 60 * 1000

afterEach(rightClock)

interface Played {
  readonly versions: number
  readonly faults: number
}

/** @param percent how many of a hundred requests meet a fault, batch by batch, again and again. */
async function play(
  seed: number,
  batches: number,
  percent: readonly number[],
  only?: NetFault,
): Promise<Played> {
  const random = new SeededRandom(seed)
  for (let i = 0; i < 8; i += 1) random.next()
  const url = freshS3Url()
  const net = await startNet(random, only)
  const history = new FaultyHistory(...(await openBoth(net, url)), random)
  for (let batch = 0; batch < batches; batch += 1) {
    net.percent = percent[batch % percent.length] ?? 0
    await history.batch(only !== undefined)
  }
  await history.end()
  net.percent = 5
  await history.comeBack()
  const faults = [...net.proxy.hits.values()].reduce((sum, n) => sum + n, 0)
  return { versions: history.versions, faults }
}

test.each(['right', 'an hour ahead', 'an hour behind'])(
  'what was acknowledged over a faulty net is restored bit for bit; the clock is %s',
  async (clock) => {
    const first = runSeed(`faulty store, the clock is ${clock}`)
    let versions = 0
    let faults = 0
    for (let seed = first; seed < first + HISTORIES; seed += 1) {
      if (clock !== 'right') skewClock(clock === 'an hour ahead' ? SKEW_MS : -SKEW_MS)
      const played = await play(seed, BATCHES, [5, 15, 30])
      versions += played.versions
      faults += played.faults
    }
    console.log(
      `${HISTORIES} histories, the clock is ${clock}: ${versions} versions, ${faults} faults`,
    )
    expect(versions).toBeGreaterThanOrEqual(HISTORIES * BATCHES)
    expect(faults).toBeGreaterThan(0)
  },
  HOURS,
)

test(
  'no version suffers, and every change is shipped, whichever one fault it is that the net has',
  async () => {
    const seed = runSeed('faulty store, one fault')
    const faults = NET_FAULTS.filter((_, i) => LONG > 0 || (i + seed) % 3 === 0)
    const played = await Promise.allSettled(
      faults.map(async (fault) => play(seed, BATCHES_OF_ONE_FAULT, [20], fault)),
    )
    const problems = played.flatMap((outcome, i) =>
      outcome.status === 'rejected' ? [`${faults[i]}: ${String(outcome.reason)}`] : [],
    )
    expect(problems).toEqual([])
  },
  HOURS,
)
