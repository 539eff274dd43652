/**
 * A process that prunes a stream once: `prune-process.ts URL STREAM DAY_MS RULES [STEP [TIMES]]`. It kills itself behind
 * the named step, when it comes there for the TIMES-th time; else it prints what it did. It agrees to a mass deletion.
 */
import { PRODUCTION, PRUNE_STEPS, type PruneSeams } from '../../cli/prune-steps.ts'
import { pruneStream, type PruneOrder } from '../../cli/prune-stream.ts'
import { systemClock } from '../../shared/clock.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { parseKeep } from '../../shared/retention/keep-policy.ts'
import { parseStreamName } from '../../shared/stream-name.ts'

const [url = '', stream = '', dayMs = '', rules = '', crashAfter, times = '1'] =
  process.argv.slice(2)
if (crashAfter !== undefined && !PRUNE_STEPS.some((name) => name === crashAfter))
  throw new Error(`prune has no step "${crashAfter}"`)
const store = await openStore(url)
const patience = { clock: systemClock, giveUpAfterMs: 60_000 }
const log = new VersionLog(store, parseStreamName(stream), patience)
let left = Number(times)
const order: PruneOrder = { keep: parseKeep(rules), confirmed: undefined, dryRun: false }
const seams: PruneSeams = {
  ...PRODUCTION,
  dayMs: Number(dayMs),
  step: (name) => {
    if (name === crashAfter && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL')
  },
}
const run = (confirmed: number | undefined) =>
  pruneStream({ store, log, patience }, { ...order, confirmed }, seams, () => undefined)
const first = await run(undefined)
const { stopped } = first.decision
const { swept } = stopped === undefined ? first : await run(stopped.versions)
console.log(JSON.stringify(swept))
