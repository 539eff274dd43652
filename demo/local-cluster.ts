/** What stands for a cluster here: a directory as the repository, the real webhook, and a small kubelet for one Deployment. */
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { systemClock } from '../shared/clock.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import type { LogState, VersionRecord } from '../shared/repository/log-record.ts'
import { requireVersion } from '../shared/repository/version-object.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import type { LocalPod } from './pod-runner/local-pod.ts'
import type { PodEvent } from './pod-runner/pod-event.ts'
import { PodRunner } from './pod-runner/pod-runner.ts'
import type { PodTemplate, ReplicaSet } from './pod-runner/replica-set.ts'
import { createReplicaSet } from './pod-runner/replica-set.ts'
import type { WebhookProcess } from './webhook-process.ts'
import { startWebhook } from './webhook-process.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const AGENT = [process.execPath, path.join(ROOT, 'agent/main.ts')]
const SHOP = [process.execPath, path.join(ROOT, 'demo/shop/main.ts')]
const AGENT_IMAGE = 'holdfast-agent:demo'
/** Seconds that the last flush gets at the end of a pod; small, because the demo waits for a killed one's to pass. */
const FLUSH_SECONDS = 2
const run = promisify(execFile)

interface Deployment {
  kind: string
  metadata: { name: string; namespace: string }
  spec: { template: PodTemplate }
}

export class LocalCluster {
  readonly storeUrl: string
  readonly deployment: Deployment
  readonly manifest: string
  readonly webhook: WebhookProcess
  readonly runner: PodRunner
  readonly events: PodEvent[] = []
  readonly warnings: string[] = []
  readonly #log: VersionLog
  #replicaSet: ReplicaSet | undefined

  private constructor(parts: {
    storeUrl: string
    deployment: Deployment
    manifest: string
    webhook: WebhookProcess
    log: VersionLog
    directory: string
  }) {
    this.storeUrl = parts.storeUrl
    this.deployment = parts.deployment
    this.manifest = parts.manifest
    this.webhook = parts.webhook
    this.#log = parts.log
    this.runner = new PodRunner({
      directory: path.join(parts.directory, 'node'),
      images: {
        'shop:1.4': { command: SHOP, env: { SHOP_VERSION: '1.4' } },
        'shop:1.5': { command: SHOP, env: { SHOP_VERSION: '1.5' } },
        [AGENT_IMAGE]: { command: AGENT, findsRoot: true },
      },
      programs: { 'holdfast-agent': AGENT },
      imageEnv: { PATH: process.env['PATH'] ?? '' },
      onEvent: (event) => this.events.push(event),
    })
  }

  static async start(directory: string): Promise<LocalCluster> {
    const storeUrl = `file://${directory}/bucket`
    const webhook = await startWebhook(directory, {
      HOLDFAST_STORE: storeUrl,
      HOLDFAST_IMAGE: AGENT_IMAGE,
      HOLDFAST_FLUSH_SECONDS: String(FLUSH_SECONDS),
    })
    const manifest = await fs.readFile(path.join(ROOT, 'manifests/examples/shop.yaml'), 'utf8')
    const deployment = parseAllDocuments(manifest)
      .map((document) => document.toJS() as Deployment)
      .find(({ kind }) => kind === 'Deployment')
    if (deployment === undefined) throw new Error('manifests/examples/shop.yaml has no Deployment')
    const { name: app, namespace } = deployment.metadata
    const log = new VersionLog(
      await openStore(storeUrl),
      { namespace, app, slot: '0' },
      { clock: systemClock },
    )
    return new LocalCluster({ storeUrl, deployment, manifest, webhook, log, directory })
  }

  /** `kubectl apply` of the Deployment, changed by `change`; resolves when its pod is ready. */
  async apply(change: (template: TemplateParts) => void = () => undefined): Promise<LocalPod> {
    const template = structuredClone(this.deployment.spec.template)
    change(partsOf(template))
    this.deployment.spec.template = template
    const { name, namespace } = this.deployment.metadata
    if (this.#replicaSet === undefined) {
      const admit = async <T extends object>(pod: T): Promise<T> => {
        const { pod: admitted, warnings } = await this.webhook.admit(pod, namespace)
        this.warnings.push(...warnings)
        return admitted
      }
      this.#replicaSet = await createReplicaSet(this.runner, { name, namespace, template, admit })
    } else await this.#replicaSet.rollOut(template)
    return this.#ready(this.#replicaSet.pod)
  }

  get pod(): LocalPod {
    if (this.#replicaSet === undefined) throw new Error('nothing is applied yet')
    return this.#replicaSet.pod
  }

  /** The pod that took this one's place, ready. */
  async successorOf(pod: LocalPod): Promise<LocalPod> {
    if (this.#replicaSet === undefined) throw new Error('nothing is applied yet')
    return this.#ready(await this.#replicaSet.replacementOf(pod))
  }

  async #ready(pod: LocalPod): Promise<LocalPod> {
    if (!(await pod.whenReady(AbortSignal.timeout(60_000))))
      throw new Error(`pod ${pod.name} is not ready: ${pod.container('holdfast').lastProbeOutput}`)
    return pod
  }

  /** The newest version, once it satisfies the condition. */
  async version(
    condition: (version: VersionRecord, state: LogState) => boolean,
  ): Promise<VersionRecord> {
    const endMs = performance.now() + 60_000
    while (performance.now() < endMs) {
      const state = (await this.#log.head())?.record.log
      if (state?.head !== null && state?.head !== undefined && state.head.version > 0) {
        const version = await requireVersion(this.#log, state.head.version)
        if (condition(version, state)) return version
      }
      await systemClock.sleep(50)
    }
    throw new Error('no such version came within a minute')
  }

  /** The restore record that this lineage began with. */
  async restoreRecord() {
    const state = (await this.#log.head())?.record.log
    const record =
      state === undefined ? undefined : (await this.#log.record(state.lastSwitch))?.record
    return record?.kind === 'restore' ? record : undefined
  }

  /** What the command prints. */
  async holdfast(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [
      path.join(ROOT, 'cli/main.ts'),
      ...args,
      '--store',
      this.storeUrl,
    ])
    return stdout
  }

  async close(): Promise<void> {
    await this.#replicaSet?.stop()
    await this.runner.close()
    await this.webhook.close()
  }
}

/** The parts of a pod template that people change from release to release. */
export interface TemplateParts {
  labels: Record<string, string>
  annotations: Record<string, string>
  containers: { name: string; image: string }[]
}

function partsOf(template: PodTemplate): TemplateParts {
  template.metadata ??= {}
  template.metadata.labels ??= {}
  template.metadata.annotations ??= {}
  const { containers } = template.spec as { containers: TemplateParts['containers'] }
  return {
    labels: template.metadata.labels,
    annotations: template.metadata.annotations,
    containers,
  }
}
