import { expect, it } from 'vitest'
import type { Events } from '../../../webhook/controller/events.ts'
import { toldOnce } from '../../../webhook/controller/told-once.ts'
import { podFacts } from './reports.ts'

it('what was told is not told again, by however many reports; what was not heard is', async () => {
  const heard: string[] = []
  let isAway = true
  const cluster: Events = {
    tell: async ({ pod }, { once }) => {
      if (isAway) throw new Error('away')
      heard.push(`${pod.uid} ${once}`)
    },
  }
  const events = toldOnce(cluster)
  const tell = (uid: string, once: string) => {
    const told = { type: 'Normal', reason: 'Noted', action: 'Restore', note: once, once } as const
    return events.tell({ pod: podFacts({ uid }), owner: null }, told)
  }
  await expect(tell('a', 'the way back is v41')).rejects.toThrow('away')
  isAway = false
  for (let report = 0; report < 3; report += 1) await tell('a', 'the way back is v41')
  await tell('b', 'the way back is v41')
  await tell('a', 'another')
  expect(heard).toEqual(['a the way back is v41', 'b the way back is v41', 'a another'])
})
