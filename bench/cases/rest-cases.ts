/** What Holdfast costs beside an app while nothing happens, and how long it keeps one waiting. restic has no part in it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { newFolder, type Bench, type Case, type Turn } from '../bench.ts'
import { addTo } from '../measure/measured-work.ts'
import { cpuMsOf, memoryOf, watchesOf } from '../measure/proc.ts'
import { startAgent } from '../programs/running-agent.ts'
import { median } from '../report.ts'

const STARTS = 5
/** What its last work left behind, a collector of garbage clears away for so long. */
const UNTIL_REST_MS = 20_000

export const atRest: Case = {
  name: 'at-rest',
  stores: ['S3'],
  once: true,
  async run(bench, turn) {
    const { fewFiles, tinyFiles, directories } = bench.sizes
    await rest(bench, turn, `${fewFiles} files`, await bench.corpora.fewFiles())
    const folder = await bench.corpora.tinyFiles(tinyFiles, directories)
    await rest(bench, turn, `${tinyFiles} files in ${directories} directories`, folder)
  },
}

async function rest(bench: Bench, turn: Turn, what: string, volume: string): Promise<void> {
  const place = await turn.newPlace()
  const agent = await startAgent(bench, { place, volume })
  await agent.ready()
  await agent.versionAfter(0)
  await agent.settled()
  await sleep(UNTIL_REST_MS)
  const before = await place.requests()
  const cpuBefore = cpuMsOf(agent.pid)
  const beganMs = performance.now()
  await sleep(bench.sizes.restMs)
  const share = (cpuMsOf(agent.pid) - cpuBefore) / (performance.now() - beganMs)
  const after = await place.requests()
  const add = addTo(bench, turn, `agent at rest over ${what}`, 'holdfast')
  const { rssBytes, peakRssBytes } = memoryOf(agent.pid)
  add('RSS', 'bytes', rssBytes)
  add('peak RSS since its start', 'bytes', peakRssBytes)
  add('watches', 'count', watchesOf(agent.pid))
  add('CPU, share of a core', 'percent', share * 100)
  add('requests', 'count', (after?.all ?? 0) - (before?.all ?? 0))
  await agent.stop()
}

export const start: Case = {
  name: 'start',
  stores: ['local', 'S3'],
  once: false,
  async run(bench, turn) {
    const times: number[] = []
    for (let i = 0; i < STARTS; i += 1) {
      const volume = await newFolder(bench)
      const agent = await startAgent(bench, { place: await turn.newPlace(), volume })
      times.push(await agent.ready())
      await agent.stop()
    }
    const add = addTo(bench, turn, 'start to ready, nothing to restore', 'holdfast')
    add('wall', 'ms', median(times))
  },
}
