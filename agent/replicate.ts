/** The verb of the sidecar's main process: bring the volume to where the request says, let the app go, ship changes. */
import type { Server } from 'node:http'
import { openKeyring } from '../shared/encryption/keyring.ts'
import { StreamVaults } from '../shared/encryption/stream-vaults.ts'
import { systemClock } from '../shared/clock.ts'
import { HoldfastError } from '../shared/errors.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import type { Patience } from '../shared/patience.ts'
import { parsePin, requestText } from '../shared/pin.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import { KEY } from '../shared/sidecar-contract.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { AgentConfig } from './config.ts'
import { watchDirectories } from './capture/directory-watcher.ts'
import { releaseAtRest } from './capture/release-memory.ts'
import { createLog, logChanges } from './agent-log.ts'
import { answerBackups } from './backup-requests.ts'
import { readAnnotations } from './pod-info.ts'
import { controlSocket, frozenNote, serveControl } from './serve/control.ts'
import { serveHealth } from './serve/health.ts'
import { AppState } from './session/app-state.ts'
import type { Context, StepName } from './session/context.ts'
import { AppHooks } from './session/hooks.ts'
import { newWriter } from './session/identity.ts'
import { LogWriter } from './session/log-writer.ts'
import type { Replicator } from './session/replicator.ts'
import { runSession } from './session/session.ts'
import { start } from './session/start.ts'
import { Status } from './session/status.ts'
import { AttributeTools } from './volume/attribute-tools.ts'
import { layoutOfAssignment } from './volume/layout.ts'

/** Runs until SIGTERM; resolves when everything is shipped and the stream closed. */
export async function replicate(config: AgentConfig): Promise<void> {
  const log = createLog(streamText(config))
  const status = new Status()
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
  const health = serveHealth(config.healthPort, streamText(config), status, systemClock)
  if (await isCopy(config, status, stopping.signal)) return endServing(health)
  const hooks = new AppHooks(config.assignment, {
    clock: systemClock,
    status,
    stopping: stopping.signal,
    step: crashStep(config.crashAfter),
    warn: (why) => log.warn(why),
    notePath: frozenNote(config.pod.uid),
  })
  hooks.resume()
  const context = await composeOrHold(config, status, stopping.signal, givingUp.signal)
  if (context === undefined) return endServing(health)
  const { assignment } = config
  let closePodInfo: (() => Promise<void>) | undefined
  await runSession(context, {
    withinMs: assignment.withinMs,
    watch: () => watchDirectories((why) => log.warn(why)),
    atRest: releaseAtRest,
    take: hooks.around(context.state),
    onReplicating: (running) => {
      replicator = running
      if (draining) running.drain()
      closePodInfo = answerBackups(config.podInfoDir, running, log)
    },
  })
  await closePodInfo?.()
  await hooks.end()
  endServing(health)
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
  const log = createLog(streamText(config))
  const status = new Status()
  logChanges(log, status)
  const stopping = new AbortController()
  process.on('SIGTERM', () => {
    stopping.abort()
  })
  const { signal } = stopping
  const committer = await start(await compose(config, status, signal, signal))
  if (committer === undefined)
    throw new HoldfastError('told to stop before the volume was restored')
}

function streamText({ assignment }: AgentConfig): string {
  return formatStreamName({ ...assignment, slot: assignment.slot ?? FIRST_SLOT })
}

/** The slot of a ReplicaSet's only pod. */
const FIRST_SLOT = '0'

/** A store that cannot be opened is for people to mend: said by the probe, not by restarts. Undefined: told to stop meanwhile. */
async function composeOrHold(
  config: AgentConfig,
  status: Status,
  stopping: AbortSignal,
  givingUp: AbortSignal,
): Promise<Context | undefined> {
  try {
    return await compose(config, status, stopping, givingUp)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    status.set({ phase: 'holding', reason: error.message })
    await systemClock.sleep(Infinity, stopping)
    return undefined
  }
}

async function compose(
  config: AgentConfig,
  status: Status,
  stopping: AbortSignal,
  givingUp: AbortSignal,
): Promise<Context> {
  const { assignment, pod } = config
  const store = await openStore(assignment.store)
  const patience: Patience = {
    clock: systemClock,
    signal: givingUp,
    onRetry: (error) => {
      status.set({ problem: error.message })
    },
  }
  const stream = {
    namespace: assignment.namespace,
    app: assignment.app,
    slot: assignment.slot ?? FIRST_SLOT,
  }
  const openKey = () => openKeyring(store, stream.namespace, config.key)
  const vaults = new StreamVaults(stream, openKey)
  const versionLog = new VersionLog(store, stream, patience, vaults)
  const { pin, restoreRequest, images, templateHash, keep, paths } = assignment
  return {
    store,
    writer: new LogWriter(versionLog, newWriter(pod, assignment.graceSeconds), patience),
    state: new AppState(
      layoutOfAssignment(assignment, config.rootDir),
      systemClock,
      new AttributeTools(),
    ),
    facts: {
      roots: paths.map(({ path, as }) => ({ path, as })),
      images,
      templateHash,
      ...(keep !== undefined && { keep }),
    },
    patience,
    status,
    step: crashStep(config.crashAfter),
    request:
      pin === null ? undefined : { text: requestText(pin, restoreRequest), pin: parsePin(pin) },
    whenEmpty: assignment.whenEmpty,
    exclusive: assignment.exclusive,
    stopping,
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
