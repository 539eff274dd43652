#!/usr/bin/env node
/** The webhook's program: settings, certificate, server; ends in order at SIGTERM. */
import { randomUUID } from 'node:crypto'
import { pino, type Logger } from 'pino'
import { systemClock } from '../shared/clock.ts'
import { HoldfastError } from '../shared/errors.ts'
import { admissions } from './admission/admissions.ts'
import { namespacePoliciesFromFile } from './admission/namespace-file.ts'
import type { NamespacePolicies } from './admission/namespace-policies.ts'
import { followKeyPair } from './certificates/kept-key-pair.ts'
import { readKeyPair, watchKeyPair, type KeyPairFiles } from './certificates/key-pair-files.ts'
import { keepRotating } from './certificates/rotation.ts'
import { closedInRepository } from './controller/closed-stream.ts'
import { openController, type Controller } from './controller/controller.ts'
import type { Cluster } from './kubernetes/cluster.ts'
import { standForElection, type Election } from './leader/election.ts'
import type { KeyPair } from './certificates/key-pair.ts'
import { readConfig, type WebhookConfig } from './config.ts'
import type { ServiceSettings } from './inject/injection-context.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import { keptFirst } from './admission/kept-pins.ts'
import { repositoryPinResolver } from './admission/repository-pin-resolver.ts'
import type { PinResolver } from './inject/pin-resolver.ts'
import { startServer } from './serve/server.ts'
import type { RunningPods } from './workload/running-pods.ts'

/** Less than the `timeoutSeconds` (5) that the webhook is registered with: the sentence still arrives. */
const DEADLINE_MS = 4000
/** How soon a certificate that others replace is served. */
const CERTIFICATE_INTERVAL_MS = 5000
/** Until nobody in a cluster is sent to a replica that is not ready: endpoints go in about a second, connections are kept longer. */
const DRAIN_MS = 5000
/** Without a cluster. */
const NO_PODS: RunningPods = { podsOf: async () => [] }

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = pino({ level: config.logLevel })
  const cluster = await clusterOf(config)
  const { certificates } = config
  const keyPair = certificates.by === 'files' ? await readKeyPair(certificates.files) : undefined
  let service = settingsOf(config, keyPair)
  const dependencies = {
    get service() {
      return service
    },
    policies: cluster?.policies ?? (await policiesOf(config)),
    pods: cluster?.workloadPods ?? NO_PODS,
    resolvePin: pinResolverOf(cluster, log),
    clock: systemClock,
    deadlineMs: DEADLINE_MS,
  }
  const controller = cluster && controllerOf(cluster, config, log)
  const server = await startServer({
    port: config.port,
    keyPair,
    log,
    admissions: admissions(dependencies),
    ...(controller !== undefined && { controller }),
  })
  const end = new AbortController()
  const onChange = (pair: KeyPair): void => {
    server.replaceKeyPair(pair)
    service = settingsOf(config, pair)
    log.info('certificate replaced')
  }
  if (certificates.by === 'files')
    followFiles(certificates.files, keyPair, onChange, log, end.signal)
  else if (cluster !== undefined) void followCluster(cluster, onChange, log, end.signal)
  const election = cluster && controller && lead(cluster, controller, config, log)
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    log.info({ signal }, 'draining')
    server.drain()
    const drained = systemClock.sleep(cluster === undefined ? 0 : DRAIN_MS)
    await Promise.all([election?.close(), drained])
    end.abort()
    await server.close()
    await controller?.close()
    log.info('ended')
  }
  process.once('SIGTERM', (signal) => void stop(signal))
  process.once('SIGINT', (signal) => void stop(signal))
  log.info({ port: server.port }, 'listening')
}

async function clusterOf({
  namespaces,
  service,
  podName,
}: WebhookConfig): Promise<Cluster | undefined> {
  if (namespaces.from !== 'cluster') return undefined
  const { openCluster } = await import('./kubernetes/cluster.ts')
  return openCluster(namespaces.kubeconfig, service.ownNamespace, podName)
}

/** Without a cluster. Throws a `UsageError` where the file does not read. */
async function policiesOf({ namespaces, service }: WebhookConfig): Promise<NamespacePolicies> {
  const policies = namespacePoliciesFromFile(namespaces.from === 'file' ? namespaces.file : '')
  await policies.factsOf(service.ownNamespace)
  return policies
}

function followFiles(
  files: KeyPairFiles,
  current: KeyPair | undefined,
  onChange: (pair: KeyPair) => void,
  log: Logger,
  signal: AbortSignal,
): void {
  const onError = (error: unknown) =>
    log.warn({ err: error }, 'certificate files do not read; the old one stays')
  const intervalMs = CERTIFICATE_INTERVAL_MS
  const endWatch = watchKeyPair({ files, current, intervalMs, onChange, onError })
  signal.addEventListener('abort', endWatch)
}

function followCluster(
  { certificates: store }: Cluster,
  onChange: (pair: KeyPair) => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const onError = (error: unknown) =>
    log.warn({ err: error }, 'the certificate cannot be read; the old one stays')
  return followKeyPair({ store, clock: systemClock, onChange, onError }, signal)
}

function pinResolverOf(cluster: Cluster | undefined, log: Logger): PinResolver {
  const resolve = repositoryPinResolver(openStore)
  if (cluster === undefined) return resolve
  const onError = (error: unknown) =>
    log.warn({ err: error }, 'kept pins cannot be read now; the store is asked')
  return keptFirst(cluster.controller.keptPins, resolve, onError)
}

function controllerOf(cluster: Cluster, { service }: WebhookConfig, log: Logger): Controller {
  const { defaults, ownNamespace } = service
  const { policies } = cluster
  const byStore = {
    resolvePin: repositoryPinResolver(openStore),
    hasClosed: closedInRepository(openStore),
  }
  const ports = { ...cluster.controller, ...byStore, policies, defaults, ownNamespace }
  return openController(ports, systemClock, log)
}

/** What one replica does for all. */
function lead(
  cluster: Cluster,
  controller: Controller,
  config: WebhookConfig,
  log: Logger,
): Election {
  return standForElection({
    store: cluster.leadership,
    identity: `${config.podName}_${randomUUID()}`,
    clock: systemClock,
    onError: (error) => log.warn({ err: error }, 'leader election'),
    watchedTo: () => controller.watchedTo(),
    lead: async (signal, watchedTo) => {
      log.info('leading')
      const watching = controller.lead(signal, watchedTo)
      await Promise.all([rotate(cluster, config, log, signal), watching])
      log.info('leading no longer')
    },
  })
}

async function rotate(
  cluster: Cluster,
  { certificates }: WebhookConfig,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (certificates.by === 'files') return
  const rotation = {
    store: cluster.certificates,
    bundles: cluster.bundles,
    names: certificates.names,
    clock: systemClock,
    onStep: (step: string) => log.info({ step }, 'certificates'),
    onError: (error: unknown) => log.error({ err: error }, 'certificates cannot be kept now'),
  }
  await keepRotating(rotation, signal)
}

/** New pods are told of the authorities that count now. */
function settingsOf(config: WebhookConfig, keyPair: KeyPair | undefined): ServiceSettings {
  const authorities = keyPair?.authorities
  const { service, serviceUrl } = config
  const isTold = serviceUrl !== undefined && authorities !== undefined
  return { ...service, agentService: isTold ? { url: serviceUrl, ca: authorities } : null }
}

try {
  await main()
} catch (error) {
  const isKnown = error instanceof HoldfastError
  console.error(isKnown ? error.message : error)
  process.exitCode = isKnown ? error.exitCode : 1
}
