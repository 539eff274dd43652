#!/usr/bin/env node
/** The webhook's program: settings, certificate, server; ends in order at SIGTERM. */
import { pino } from 'pino'
import { HoldfastError } from '../shared/errors.ts'
import { admit } from './admission/admit-pod.ts'
import { namespacePoliciesFromFile } from './admission/namespace-file.ts'
import { readKeyPair, watchKeyPair, type KeyPair } from './certificates/key-pair-files.ts'
import { readConfig, type WebhookConfig } from './config.ts'
import type { ServiceSettings } from './inject/injection-context.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import { repositoryPinResolver } from './admission/repository-pin-resolver.ts'
import { startServer } from './serve/server.ts'

/** Less than the `timeoutSeconds` (5) that the webhook is registered with: the sentence still arrives. */
const DEADLINE_MS = 4000
/** How soon a rotated certificate is served. */
const CERTIFICATE_INTERVAL_MS = 5000

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = pino({ level: config.logLevel })
  const keyPair = await readKeyPair(config.keyPairFiles)
  let service = settingsOf(config, keyPair)
  const policies = namespacePoliciesFromFile(config.namespacesFile)
  await policies.factsOf(config.service.ownNamespace)
  const dependencies = {
    get service() {
      return service
    },
    policies,
    resolvePin: repositoryPinResolver(openStore),
    deadlineMs: DEADLINE_MS,
  }
  const server = await startServer({
    port: config.port,
    keyPair,
    log,
    admit: (body) => admit(body, dependencies),
  })
  const endWatch = watchKeyPair({
    files: config.keyPairFiles,
    current: keyPair,
    intervalMs: CERTIFICATE_INTERVAL_MS,
    onChange(pair) {
      server.replaceKeyPair(pair)
      service = settingsOf(config, pair)
      log.info('certificate replaced')
    },
    onError: (error) =>
      log.warn({ err: error }, 'certificate files do not read; the old one stays'),
  })
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'draining')
    endWatch()
    void server.close().then(() => log.info('ended'))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  log.info({ port: server.port }, 'listening')
}

/** New pods are told of the authorities that count now. */
function settingsOf(config: WebhookConfig, { authorities }: KeyPair): ServiceSettings {
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
