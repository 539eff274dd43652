/**
 * Every fixed story with every single fault at every turn; a slice of it by default. `HOLDFAST_MODEL=all` runs the
 * whole, `HOLDFAST_MODEL=<n>` every n-th.
 */
import { expect, test } from 'vitest'
import { FAULTS, SCENARIOS, STORAGE, play } from './scenarios.ts'

/** By default one in so many: about half a minute of a small machine. */
const THIN = 127
const given = process.env['HOLDFAST_MODEL'] ?? String(THIN)
const every = given === 'all' ? 1 : Number(given)
const HOURS = 6 * 60 * 60 * 1000

test.each(Object.keys(SCENARIOS))(
  '%s: no single fault breaks a rule',
  async (scenario) => {
    for (const [k, kind] of STORAGE.entries()) {
      const { world, turns } = await play(kind, scenario)
      expect([...world.chronicle.violations], world.lines.join('\n')).toEqual([])
      for (let at = 0; at < turns; at += 1)
        for (const [f, what] of FAULTS.entries()) {
          if ((at * 7919 + f * 31 + k * 17) % every !== 0) continue
          const { world: hit } = await play(kind, scenario, { at, what })
          expect([...hit.chronicle.violations], hit.lines.join('\n')).toEqual([])
        }
    }
  },
  HOURS,
)
