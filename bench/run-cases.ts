/** Case by case within a round, so that the rounds of one case lie apart and whatever the machine does meanwhile is spread. */
import type { Bench, Case } from './bench.ts'
import type { Side } from './samples.ts'
import { localPlaces } from './stores/local-places.ts'
import type { StoreKind } from './stores/place.ts'
import { s3Places } from './stores/s3-places.ts'

export async function runCases(
  bench: Bench,
  cases: readonly Case[],
  rounds: number,
  say: (text: string) => void,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1)
    for (const one of cases) {
      if (one.once && round > 1) continue
      for (const store of one.stores) {
        const beganMs = performance.now()
        await runOne(bench, one, round, store)
        const seconds = Math.round((performance.now() - beganMs) / 1000)
        say(`round ${round} of ${rounds}: ${one.name}, ${store}: ${seconds} s`)
      }
    }
}

async function runOne(bench: Bench, one: Case, round: number, store: StoreKind): Promise<void> {
  const places = store === 'local' ? localPlaces(bench.scratch) : await s3Places()
  const sides: Side[] = ['holdfast', 'restic']
  try {
    const run = one.run(bench, {
      round,
      store,
      sides: round % 2 === 1 ? sides : sides.toReversed(),
      newPlace: () => {
        bench.processes.refuseWhenCancelled()
        return places.create()
      },
    })
    await Promise.race([run, bench.processes.cancelled])
  } finally {
    await places.close()
  }
}
