/** Long runs and replays: `node test/model/explore.ts <count> [first seed] [log]`; `log` prints each history that it runs. */
import { runHistory } from './history.ts'

const [count = '100', first = '1', log] = process.argv.slice(2)
const rules = new Map<string, { count: number; seed: number; why: string; lines: number }>()
let acknowledged = 0
let records = 0
let broken = 0
const beganMs = performance.now()
for (let seed = Number(first); seed < Number(first) + Number(count); seed += 1) {
  const world = await runHistory(seed)
  acknowledged += world.chronicle.acknowledged
  records += world.chronicle.records.length
  if (world.broken) broken += 1
  for (const [rule, why] of world.chronicle.violations) {
    const known = rules.get(rule)
    const shortest = known === undefined || world.lines.length < known.lines
    const example = shortest ? { seed, why, lines: world.lines.length } : known
    rules.set(rule, { ...example, count: (known?.count ?? 0) + 1 })
  }
  if (log === 'log') console.log(world.lines.join('\n'))
}
const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
console.log(
  `${count} histories from seed ${first} in ${seconds} s: ${records} records, ${acknowledged} acknowledgements, ${broken} histories with a violation`,
)
for (const [rule, { count: times, seed, why }] of rules)
  console.log(`${String(times).padStart(6)}  ${rule} (seed ${seed}: ${why})`)
process.exitCode = broken === 0 ? 0 : 1
