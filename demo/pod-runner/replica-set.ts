/**
 * A Deployment of one replica with `strategy: Recreate`, and its ReplicaSets. A pod that is deleted or lost is replaced
 * at once, while the old one still ends; only a rollout waits for the old pod's end.
 */
import { createHash, randomInt, randomUUID } from 'node:crypto'
import { pause } from './changes.ts'
import type { LocalPod } from './local-pod.ts'
import type { PodRunner } from './pod-runner.ts'

/** Kubernetes' letters for generated names: no vowels, nothing that reads like another. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
/** A refused replacement is tried again after this time, doubling up to the limit. */
const RETRY_MS = { first: 50, longest: 5_000 }

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: object
}

/** A Pod as a ReplicaSet creates it: with generateName, and without a name, a uid or a status. */
export interface UnnamedPod extends PodTemplate {
  apiVersion: 'v1'
  kind: 'Pod'
  metadata: NonNullable<PodTemplate['metadata']> & {
    generateName: string
    namespace: string
    ownerReferences: object[]
  }
}

export interface ReplicaSetRequest {
  /** The Deployment's. */
  name: string
  namespace: string
  template: PodTemplate
  /** The mutating admission: returns the pod to run, or throws the refusal. */
  admit: (pod: UnnamedPod) => Promise<UnnamedPod>
}

/** Rejects with the refusal when the first pod is not admitted. */
export async function createReplicaSet(
  runner: PodRunner,
  request: ReplicaSetRequest,
): Promise<ReplicaSet> {
  const replicaSet = new ReplicaSet(runner, request)
  await replicaSet.rollOut(request.template)
  return replicaSet
}

export class ReplicaSet {
  readonly #runner: PodRunner
  readonly #request: ReplicaSetRequest
  readonly #uids = new Map<string, string>()
  readonly #stopping = new AbortController()
  #hash = ''
  /** The newest and those that are still ending. */
  readonly #pods = new Set<LocalPod>()
  #pod: LocalPod | undefined
  #creating: Promise<LocalPod> | undefined
  #waiters: ((pod: LocalPod) => void)[] = []

  constructor(runner: PodRunner, request: ReplicaSetRequest) {
    this.#runner = runner
    this.#request = request
  }

  /** The newest pod; a replaced one may still be ending beside it. */
  get pod(): LocalPod {
    if (this.#pod) return this.#pod
    throw new Error(`${this.#request.name} has no pod: its last rollout was refused`)
  }

  /** The pod that replaces `old`, as soon as it is created. */
  async replacementOf(old: LocalPod): Promise<LocalPod> {
    while (this.#pod === undefined || this.#pod === old) {
      await new Promise<LocalPod>((resolve) => this.#waiters.push(resolve))
    }
    return this.#pod
  }

  /**
   * Waits for the end of the old pod, then creates one of the new template and returns it; the same template again
   * changes nothing. Rejects with the refusal, with no pod left, when the new one is not admitted.
   */
  async rollOut(template: PodTemplate): Promise<LocalPod> {
    const hash = templateHash(template)
    if (this.#pod && hash === this.#hash) return this.#pod
    this.#hash = hash
    await this.#deleteAll()
    return this.#create(template, hash)
  }

  /** Deletes the pod and replaces none any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#deleteAll()
  }

  async #deleteAll(): Promise<void> {
    // A replacement that is just being admitted is a pod, too.
    await this.#creating?.catch(() => undefined)
    this.#pod = undefined
    await Promise.all([...this.#pods].map((pod) => pod.delete()))
  }

  #create(template: PodTemplate, hash: string): Promise<LocalPod> {
    this.#creating = this.#admitAndRun(template, hash)
    return this.#creating
  }

  async #admitAndRun(template: PodTemplate, hash: string): Promise<LocalPod> {
    const admitted = await this.#request.admit(this.#unnamedPod(template, hash))
    const { generateName } = admitted.metadata
    const metadata = { ...admitted.metadata, name: generateName + letters(5), uid: randomUUID() }
    const pod = await this.#runner.createPod({ ...admitted, metadata })
    this.#pod = pod
    this.#pods.add(pod)
    void pod.whenGone().then(() => this.#pods.delete(pod))
    void this.#replace(pod, template, hash)
    for (const resolve of this.#waiters.splice(0)) resolve(pod)
    return pod
  }

  async #replace(pod: LocalPod, template: PodTemplate, hash: string): Promise<void> {
    await pod.whenLeaving()
    const signal = AbortSignal.any([this.#stopping.signal, this.#runner.closed])
    for (let wait = RETRY_MS.first; ; wait = Math.min(wait * 2, RETRY_MS.longest)) {
      if (signal.aborted || this.#pod !== pod || this.#hash !== hash) return
      try {
        await this.#create(template, hash)
      } catch (error) {
        this.#runner.reportFailedCreate(`${this.#request.name}-${hash}-`, String(error))
        await pause(wait, signal)
      }
    }
  }

  #unnamedPod({ metadata, spec }: PodTemplate, hash: string): UnnamedPod {
    const name = `${this.#request.name}-${hash}`
    const uid = this.#uids.get(name) ?? randomUUID()
    this.#uids.set(name, uid)
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid }
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        generateName: `${name}-`,
        namespace: this.#request.namespace,
        labels: { ...metadata?.labels, 'pod-template-hash': hash },
        ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
      },
      spec: structuredClone(spec),
    }
  }
}

function templateHash(template: PodTemplate): string {
  const digest = createHash('sha256').update(JSON.stringify(template)).digest()
  return Array.from(digest.subarray(0, 10), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

function letters(count: number): string {
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}
