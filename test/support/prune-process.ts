/**
 * A process that prunes a stream once: `prune-process.ts URL STREAM DAY_MS RULES STEP TIMES`. It kills itself behind the
 * named step, when it comes there for the TIMES-th time. It agrees to a mass deletion.
 */
import { PRODUCTION, PRUNE_STEPS, type PruneSeams } from '../../cli/prune-steps.ts'
import { pruneStream, type PruneOrder } from '../../cli/prune-stream.ts'
import type { Swept } from '../../cli/prune-sweep.ts'
import type { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { systemClock } from '../../shared/clock.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { parseKeep } from '../../shared/retention/keep-policy.ts'
import { parseStreamName } from '../../shared/stream-name.ts'

/** @returns what was removed. */
export async function pruneOnce(
  url: string,
  stream: string,
  { dayMs, rules, vaults }: { dayMs: number; rules: string; vaults?: StreamVaults },
  step: PruneSeams['step'] = () => undefined,
): Promise<Swept | undefined> {
  const store = await openStore(url)
  const patience = { clock: systemClock, giveUpAfterMs: 60_000 }
  const log = new VersionLog(store, parseStreamName(stream), patience, vaults)
  const order: PruneOrder = { keep: parseKeep(rules), confirmed: undefined, dryRun: false }
  const run = (confirmed: number | undefined) => {
    const seams = { ...PRODUCTION, dayMs, step }
    return pruneStream({ store, log, patience }, { ...order, confirmed }, seams, () => undefined)
  }
  const first = await run(undefined)
  const { stopped } = first.decision
  return (stopped === undefined ? first : await run(stopped.versions)).swept
}

async function main(
  url = '',
  stream = '',
  dayMs = '',
  rules = '',
  crashAfter = '',
  times = '1',
): Promise<void> {
  if (!PRUNE_STEPS.some((name) => name === crashAfter))
    throw new Error(`prune has no step "${crashAfter}"`)
  let left = Number(times)
  await pruneOnce(url, stream, { dayMs: Number(dayMs), rules }, (name) => {
    if (name === crashAfter && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL')
  })
}

if (import.meta.main) await main(...process.argv.slice(2))
