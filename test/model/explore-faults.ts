/** Counts what single faults break: `node test/model/explore-faults.ts [one in so many] [which of these]`. */
import { FAULTS, SCENARIOS, STORAGE, play } from './scenarios.ts'

const every = Number(process.argv[2] ?? 1)
const which = Number(process.argv[3] ?? 0) % every
const examples = new Map<string, { count: number; lines: string[] }>()
let plays = 0
for (const scenario of Object.keys(SCENARIOS))
  for (const kind of STORAGE) {
    const { turns } = await play(kind, scenario)
    for (let at = 0; at < turns; at += 1)
      for (const [f, what] of FAULTS.entries()) {
        if ((at * 7919 + f * 31) % every !== which) continue
        plays += 1
        const { world } = await play(kind, scenario, { at, what })
        for (const rule of world.chronicle.violations.keys()) {
          const known = examples.get(rule)
          examples.set(rule, { count: (known?.count ?? 0) + 1, lines: known?.lines ?? world.lines })
        }
      }
  }
console.log(`${plays} plays with one fault each`)
for (const [rule, { count, lines }] of examples) console.log(count, rule, lines.join('\n'), '\n')
process.exitCode = examples.size === 0 ? 0 : 1
