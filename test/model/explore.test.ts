/**
 * Random histories of the real agent in the model's world. One that breaks a rule is told whole by
 * `node test/model/explore.ts 1 <seed> log`; `node test/model/explore.ts 100000` explores for hours.
 */
import { expect, test } from 'vitest'
import { runHistory } from './history.ts'

/** As many as fit into half a minute of a small machine. */
const HISTORIES = 100
const FIRST = Number(process.env['HOLDFAST_MODEL_SEED'] ?? 1)

test(`no history breaks a rule: seeds ${FIRST} to ${FIRST + HISTORIES - 1}`, async () => {
  let acknowledged = 0
  for (let seed = FIRST; seed < FIRST + HISTORIES; seed += 1) {
    const { chronicle } = await runHistory(seed)
    acknowledged += chronicle.acknowledged
    const broken = [...chronicle.violations].map(([rule, why]) => `${rule}: ${why}`)
    expect(broken, `node test/model/explore.ts 1 ${seed} log`).toEqual([])
  }
  expect(acknowledged).toBeGreaterThan(HISTORIES)
})

test('a seed gives the same history again', async () => {
  const first = await runHistory(7)
  const second = await runHistory(7)
  expect(second.lines).toEqual(first.lines)
})
