/**
 * A Secret, webhook configurations, two API servers that hear of their changes late, replicas that read the Secret each
 * at its own time, agents that were told once whom to trust: and a look, after everything that happens, whether each
 * API server would still be answered by each replica.
 */
import { X509Certificate } from 'node:crypto'
import type { Clock } from '../../../shared/clock.ts'
import type {
  CertificateSecret,
  CertificateStore,
  TrustedBundles,
} from '../../../webhook/certificates/certificate-store.ts'
import { DAY_MS } from '../../../webhook/certificates/issue.ts'
import { followKeyPair } from '../../../webhook/certificates/kept-key-pair.ts'
import { expiryOf, type KeyPair } from '../../../webhook/certificates/key-pair.ts'
import { keepRotating } from '../../../webhook/certificates/rotation.ts'
import {
  ClusterUnreachableError,
  ConflictError,
} from '../../../webhook/kubernetes/cluster-error.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { accepts } from './accepts.ts'

export const NAMES = ['holdfast-webhook.holdfast-system.svc']
const WEBHOOKS = ['pods.holdfast.dev', 'workloads.holdfast.dev']
/** How late an API server may hear of a changed configuration. */
const LATEST_MS = 20_000

interface Configuration {
  version: number
  byWebhook: Map<string, string>
}

interface Replica {
  readonly name: string
  pair: KeyPair | undefined
  isCut: boolean
}

/** What an API server, or an agent, trusts. */
interface Client {
  readonly name: string
  trusted: string
}

export class CertificateWorld {
  readonly time = new VirtualTime(() => this.#awake > 0)
  readonly clock: Clock
  secret: CertificateSecret | undefined
  readonly configurations: Configuration[] = ['', ''].map(() => ({
    version: 1,
    byWebhook: new Map(WEBHOOKS.map((name) => [name, ''])),
  }))
  readonly replicas: Replica[] = []
  readonly agents: Client[] = []
  readonly steps: string[] = []
  readonly errors: unknown[] = []
  /** Admissions and reports that would have failed. */
  readonly lost = new Set<string>()
  /** The number of the write at which the leader ends, before or after it is done; counted down. */
  crash: { writes: number; isDone: boolean } | undefined
  readonly #random: SeededRandom
  readonly #apiServers: Client[] = ['api server 1', 'api server 2'].map((name) => ({
    name,
    trusted: '',
  }))
  #version = 1
  #skippedMs = 0
  /** Leaders that wait for nothing, and so are about to sign. */
  #awake = 0

  constructor(random: SeededRandom) {
    this.#random = random
    this.clock = {
      monotonicMs: () => this.time.clock.monotonicMs() + this.#skippedMs,
      now: () => new Date(this.time.clock.now().getTime() + this.#skippedMs),
      sleep: (ms, signal) => this.time.clock.sleep(ms, signal),
    }
  }

  /** Nobody does anything in that time: machines that stand still, too, for all that is seen from here. */
  skip(days: number): void {
    this.#skippedMs += days * DAY_MS
    this.look()
  }

  /** Reads the Secret from now on. */
  startReplica(name: string): Replica {
    const replica: Replica = { name, pair: undefined, isCut: false }
    this.replicas.push(replica)
    const onChange = (pair: KeyPair) => {
      replica.pair = pair
      this.look()
    }
    void followKeyPair(
      {
        store: this.#store(
          () => replica.isCut,
          (ms) => this.clock.sleep(ms),
        ),
        clock: this.clock,
        onChange,
        onError: () => undefined,
      },
      new AbortController().signal,
    )
    return replica
  }

  startLeader(): AbortController {
    const end = new AbortController()
    const isCut = () => end.signal.aborted
    const sleep = async (ms: number, signal?: AbortSignal) => {
      this.#awake -= 1
      await this.clock.sleep(ms, signal)
      this.#awake += 1
    }
    this.#awake += 1
    void keepRotating(
      {
        store: this.#store(isCut, sleep, () => end.abort()),
        bundles: this.#bundles(isCut, sleep, () => end.abort()),
        names: NAMES,
        clock: { ...this.clock, sleep },
        onStep: (step) => this.steps.push(step),
        onError: (error) => this.errors.push(error),
      },
      end.signal,
    ).finally(() => (this.#awake -= 1))
    return end
  }

  /** Is told whom to trust, once, by a replica. */
  startAgent(): void {
    const trusted = this.replicas[0]?.pair?.authorities
    if (trusted !== undefined) this.agents.push({ name: `agent ${this.agents.length}`, trusted })
  }

  isReady(): boolean {
    return this.replicas.every(({ pair }) => pair !== undefined)
  }

  isSettled(): boolean {
    return this.isReady() && this.steps.at(-1) === 'new certificate'
  }

  look(): void {
    const now = this.clock.now()
    const agents = this.agents.filter((one) => knows(one, now))
    const clients = new Map([...this.#apiServers, ...agents].map((one) => [one.trusted, one.name]))
    for (const { name, pair } of this.replicas) {
      if (pair === undefined) continue
      for (const [trusted, client] of clients)
        if (trusted !== '' && !accepts(pair.certificate, trusted, now))
          this.lost.add(
            `${client} by ${name} at ${now.toISOString()}, whose certificate ends ${expiryOf(pair).toISOString()}`,
          )
    }
  }

  #store(
    isCut: () => boolean,
    sleep: Clock['sleep'],
    end: () => void = () => undefined,
  ): CertificateStore {
    const write = (expected: string | undefined, data: Readonly<Record<string, string>>) =>
      this.#write(isCut, sleep, end, () => {
        if (this.secret?.resourceVersion !== expected) throw new ConflictError('another Secret')
        this.#version += 1
        this.secret = { data, resourceVersion: String(this.#version) }
      })
    return {
      read: () => this.#through(isCut, sleep, () => this.secret),
      create: (data) => write(undefined, data),
      replace: ({ resourceVersion }, data) => write(resourceVersion, data),
    }
  }

  #bundles(isCut: () => boolean, sleep: Clock['sleep'], end: () => void): TrustedBundles {
    const read = () =>
      this.configurations.map((configuration, index) => {
        const { version, byWebhook } = configuration
        return {
          configuration: String(index),
          byWebhook: new Map(byWebhook),
          replace: (caBundle: string) =>
            this.#write(isCut, sleep, end, () => {
              if (configuration.version !== version) throw new ConflictError('another one')
              this.setBundle(configuration, caBundle)
            }),
        }
      })
    return { read: () => this.#through(isCut, sleep, read) }
  }

  setBundle(configuration: Configuration, caBundle: string): void {
    configuration.version += 1
    for (const name of configuration.byWebhook.keys()) configuration.byWebhook.set(name, caBundle)
    if (configuration !== this.configurations[0]) return
    for (const server of this.#apiServers) void this.#hear(server, caBundle)
  }

  async #hear(server: Client, caBundle: string): Promise<void> {
    await this.time.clock.sleep(this.#random.below(LATEST_MS))
    server.trusted = caBundle
    this.look()
  }

  async #through<T>(isCut: () => boolean, sleep: Clock['sleep'], act: () => T): Promise<T> {
    await sleep(this.#random.below(100))
    if (isCut()) throw new ClusterUnreachableError('out of reach')
    const answer = act()
    this.look()
    return answer
  }

  async #write(
    isCut: () => boolean,
    sleep: Clock['sleep'],
    end: () => void,
    act: () => void,
  ): Promise<void> {
    if (this.crash !== undefined) this.crash.writes -= 1
    const crash = this.crash?.writes === 0 ? this.crash : undefined
    await this.#through(isCut, sleep, () => (crash?.isDone === false ? undefined : act()))
    if (crash === undefined) return
    end()
    throw new ClusterUnreachableError('the leader ended')
  }
}

/** An agent knows the service for as long as one of those that it was told of is valid. */
function knows(agent: Client, now: Date): boolean {
  return new X509Certificate(agent.trusted).validToDate > now
}
