/** What the agent says: JSON lines, one for each change that somebody should know of. */
import pino from 'pino'
import type { Status } from './session/status.ts'

export type Log = pino.Logger

/** Each line names the stream, and is written before the call returns: what an agent last said must not be lost with it. */
export function createLog(status: Status): Log {
  const mixin = () => ({ stream: status.facts.stream })
  const options = { base: null, mixin, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(options, pino.destination({ dest: process.stdout.fd, sync: true }))
}

export function logChanges(log: Log, status: Status): void {
  status.onChange((now, before) => {
    if (now.problem !== before.problem)
      if (now.problem === '') log.info('all is well again')
      else log.warn(now.problem)
    if (now.frozen !== before.frozen)
      if (now.frozen === '') log.info('the app is thawed')
      else log.error(now.frozen)
    if (now.line !== before.line && now.line === 'superseded')
      log.warn(
        'superseded: another writer took the main line over; what changes here is shipped beside it',
      )
    if (now.unfenced && !before.unfenced)
      log.error('unfenced: this bucket overwrites what a conditional PUT should have refused')
    if (now.note !== before.note && now.note !== '') log.info(now.note)
    if (now.phase !== before.phase) log.info({ phase: now.phase }, now.reason)
    if (now.lastVersion !== before.lastVersion)
      log.info(
        { version: now.lastVersion, complete: now.lastComplete },
        `v${now.lastVersion} is durable`,
      )
  })
}
