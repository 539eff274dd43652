/** The verb of the sidecar's main process: bring the volume to where the request says, let the app go, ship changes. */
import type { Server } from 'node:http'
import path from 'node:path'
import { systemClock } from '../shared/clock.ts'
import { HoldfastError } from '../shared/errors.ts'
import { KEY, TOKEN_FILE } from '../shared/sidecar-contract.ts'
import type { AgentConfig } from './config.ts'
import { watchDirectories } from './capture/directory-watcher.ts'
import { releaseAtRest } from './capture/release-memory.ts'
import { createLog, logChanges, type Log } from './agent-log.ts'
import { answerBackups } from './backup-requests.ts'
import { compose, type Composed, type Surroundings } from './compose.ts'
import { readAnnotations } from './pod-info.ts'
import { controlSocket, frozenNote, letGoNotePrefix, serveControl } from './serve/control.ts'
import { serveHealth } from './serve/health.ts'
import { httpsService } from './service/https-service.ts'
import { withDigests } from './service/image-digests.ts'
import { Reporter } from './service/reporter.ts'
import type { Service } from './service/service.ts'
import type { StepName } from './session/context.ts'
import { AppHooks } from './session/hooks.ts'
import type { Replicator } from './session/replicator.ts'
import { runSession } from './session/session.ts'
import { LetGoNote } from './session/let-go-note.ts'
import { inSlot } from './session/slots.ts'
import { start } from './session/start.ts'
import { Status } from './session/status.ts'

/** Runs until SIGTERM; resolves when everything is shipped and the stream closed. */
export async function replicate(config: AgentConfig): Promise<void> {
  const status = newStatus(config)
  const log = createLog(status)
  logChanges(log, status)
  let replicator: Replicator | undefined
  let draining = false
  const drain = () => {
    draining = true
    replicator?.drain()
  }
  const stopping = new AbortController()
  const givingUp = new AbortController()
  process.on('SIGTERM', () => {
    stopping.abort()
    // Before the app ran there is nothing to ship, so nothing to wait for.
    if (!status.facts.ready) givingUp.abort()
    replicator?.stop()
  })
  await serveControl(controlSocket(config.pod.uid), { status, drain })
  const health = serveHealth(config.healthPort, status, systemClock)
  if (await isCopy(config, status, stopping.signal)) return endServing(health)
  const surroundings = surroundingsOf(config, status, stopping.signal, givingUp.signal)
  const { service } = surroundings
  const reporter = service === null ? undefined : startReporter(service, surroundings, log)
  const hooks = new AppHooks(config.assignment, {
    clock: systemClock,
    status,
    stopping: stopping.signal,
    step: surroundings.step,
    warn: (why) => log.warn(why),
    notePath: frozenNote(config.pod.uid),
    runner: service,
  })
  hooks.resume()
  await live(config, surroundings, log, {
    hooks,
    reporter,
    onReplicating(running) {
      replicator = running
      if (draining) running.drain()
    },
  })
  await hooks.end()
  await reporter?.end()
  endServing(health)
}

interface Companions {
  readonly hooks: AppHooks
  readonly reporter: Reporter | undefined
  readonly onReplicating: (replicator: Replicator) => void
}

/** From the slot to the end of its session. */
async function live(
  config: AgentConfig,
  surroundings: Surroundings,
  log: Log,
  { hooks, reporter, onReplicating }: Companions,
): Promise<void> {
  const composed = await composeOrHold(config, surroundings)
  if (composed === undefined) return
  let closePodInfo: (() => Promise<void>) | undefined
  const ended = await inSlot(composed.nextClaim, (claim) => {
    const context = composed.contextIn(claim)
    return runSession(context, {
      withinMs: config.assignment.withinMs,
      watch: () => watchDirectories((why) => log.warn(why)),
      atRest: releaseAtRest,
      take: hooks.around(context.state),
      onLettingGo() {
        leaveNote(surroundings, claim.slot, log)
      },
      onReplicating(running) {
        onReplicating(running)
        closePodInfo = answerBackups(config.podInfoDir, running, log, (answer) =>
          reporter?.answered(answer),
        )
      },
    })
  })
  if (ended === undefined)
    surroundings.status.set({ phase: 'ended', reason: 'ended before a slot was taken' })
  await closePodInfo?.()
}

/** A scraper keeps its connection open, and an open connection keeps the process. */
function endServing(health: Server): void {
  health.close()
  health.closeAllConnections()
}

/** The verb for an init container: everything up to the moment at which the app may start, and no further. */
export async function restore(config: AgentConfig): Promise<void> {
  const why = whyCopy(config)
  if (why !== undefined) throw new HoldfastError(`nothing is restored: ${why}`)
  const status = newStatus(config)
  const log = createLog(status)
  logChanges(log, status)
  const stopping = new AbortController()
  process.on('SIGTERM', () => {
    stopping.abort()
  })
  const surroundings = surroundingsOf(config, status, stopping.signal, stopping.signal)
  const composed = await compose(config, surroundings)
  const committer = await inSlot(composed.nextClaim, (claim) => start(composed.contextIn(claim)))
  if (committer === undefined)
    throw new HoldfastError('told to stop before the volume was restored')
}

function newStatus({ assignment: { namespace, app } }: AgentConfig): Status {
  const status = new Status()
  status.set({ stream: `${namespace}/${app}/?` })
  return status
}

function surroundingsOf(
  config: AgentConfig,
  status: Status,
  stopping: AbortSignal,
  givingUp: AbortSignal,
): Surroundings {
  const { assignment, podInfoDir, pod } = config
  const { service } = assignment
  return {
    status,
    service: service && httpsService(service, path.join(podInfoDir, TOKEN_FILE)),
    images: { now: assignment.images.map(({ container, image }) => ({ container, image })) },
    letGoNote: new LetGoNote(letGoNotePrefix(pod.uid)),
    stopping,
    givingUp,
    step: crashStep(config.crashAfter),
  }
}

function startReporter(service: Service, { status, images }: Surroundings, log: Log): Reporter {
  return new Reporter(service, {
    status,
    clock: systemClock,
    onAnswer(answer) {
      images.now = withDigests(images.now, answer)
    },
    warn: (why) => log.warn(why),
  })
}

function leaveNote({ letGoNote }: Surroundings, slot: string, log: Log): void {
  try {
    letGoNote.leave(slot)
  } catch (error) {
    log.warn(
      `the note that this pod's app runs in slot ${slot} cannot be written (${(error as NodeJS.ErrnoException).code}): should the sidecar restart before its first version, it may take the app for one that has not run`,
    )
  }
}

/** A store that cannot be opened is for people to mend: said by the probe, not by restarts. Undefined: told to stop meanwhile. */
async function composeOrHold(
  config: AgentConfig,
  surroundings: Surroundings,
): Promise<Composed | undefined> {
  try {
    return await compose(config, surroundings)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    surroundings.status.set({ phase: 'holding', reason: error.message })
    await systemClock.sleep(Infinity, surroundings.stopping)
    return undefined
  }
}

/** A seam for the crash tests: the process ends itself, as hard as it can, where they say. */
function crashStep(crashAfter: string | undefined): (name: StepName) => void {
  return (name) => {
    if (name === crashAfter) process.kill(process.pid, 'SIGKILL')
  }
}

/** A copy of a protected pod (`kubectl debug --copy-to`) has our container and lacks our annotation: it must not take the stream. */
async function isCopy(
  config: AgentConfig,
  status: Status,
  stopping: AbortSignal,
): Promise<boolean> {
  const why = whyCopy(config)
  if (why === undefined) return false
  status.set({ phase: 'running', ready: true, reason: `idle: ${why}` })
  await systemClock.sleep(Infinity, stopping)
  return true
}

function whyCopy({ assignment, podInfoDir }: AgentConfig): string | undefined {
  const { injected } = assignment
  if (readAnnotations(podInfoDir)?.get(KEY.injected) === injected) return undefined
  return `this pod lacks the annotation ${KEY.injected}=${injected}, so it is a copy of the one that Holdfast protects`
}
