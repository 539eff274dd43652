/** Commands in containers, through the API server: needs `get` and `create` on pods/exec, which only namespaces bind. */
import { Writable } from 'node:stream'
import { Exec, type KubeConfig, type V1Status } from '@kubernetes/client-node'
import { MAX_WORDS, type HookAnswer } from '../../shared/service-contract.ts'
import type { PodRef } from '../controller/pod-facts.ts'
import { UnknownOutcomeError } from '../controller/refused-request.ts'
import type { AdmittedHook, HookName } from '../controller/run-hook.ts'
import type { ClusterApi } from './cluster-api.ts'
import { ClusterUnreachableError, ForbiddenError, MissingObjectError } from './cluster-error.ts'
import { assignmentOf } from './reduce-pod.ts'
import { readLive } from './pods.ts'

export function admittedHookOf(
  api: ClusterApi,
): (pod: PodRef, which: HookName) => Promise<AdmittedHook | undefined> {
  return async ({ namespace, name, uid }, which) => {
    const pod = await readLive(api, namespace, name)
    if (pod?.metadata.uid !== uid) return undefined
    const assignment = assignmentOf(pod)
    const hook = assignment?.[which]
    const container = assignment?.hookContainer
    if (!hook?.exec || container === undefined) return undefined
    return { container, argv: hook.exec, timeoutMs: hook.timeoutMs }
  }
}

/** A command that is not seen to end in its time may go on; the container runtime has no means to end it. */
export function execInPods(
  config: KubeConfig,
): (pod: PodRef, hook: AdmittedHook) => Promise<HookAnswer> {
  return async (pod, hook) => {
    const { container, argv, timeoutMs } = hook
    const output = new Tail(MAX_WORDS)
    const what = `${argv[0]} in container ${container} of pod ${pod.name}`
    const ended = Promise.withResolvers<V1Status>()
    const late = setTimeout(() => {
      ended.reject(new UnknownOutcomeError(`${what} has not ended within ${timeoutMs} ms`))
    }, timeoutMs)
    const begun = begin(config, pod, hook, output, ended.resolve).catch((error: unknown) => {
      throw refusalOf(error, what)
    })
    try {
      const socket = await Promise.race([begun, ended.promise.then(() => undefined)])
      socket?.addEventListener('close', () => {
        ended.reject(new UnknownOutcomeError(`the connection to ${what} broke off`))
      })
      const exitCode = exitCodeOf(await ended.promise, what)
      return { exitCode, output: output.text() }
    } finally {
      clearTimeout(late)
      ended.promise.catch(() => undefined)
      begun.then((socket) => socket.close()).catch(() => undefined)
    }
  }
}

/** Answers the connection; `onEnd` gets how the command ended. */
function begin(
  config: KubeConfig,
  { namespace, name }: PodRef,
  { container, argv }: AdmittedHook,
  output: Tail,
  onEnd: (status: V1Status) => void,
) {
  const streams = [output.stream(), output.stream(), null] as const
  return new Exec(config).exec(namespace, name, container, [...argv], ...streams, false, onEnd)
}

/** The WebSocket library tells the status of a refused handshake only in words. */
function refusalOf(error: unknown, what: string): Error {
  const { message = '' } = error as { message?: string }
  const status = /Unexpected server response: (\d{3})/.exec(message)?.[1]
  const said = `the API server does not run ${what}: ${message}`
  if (status === '401' || status === '403') return new ForbiddenError(said)
  if (status === '404') return new MissingObjectError(said)
  return new ClusterUnreachableError(said)
}

function exitCodeOf({ status, message, details }: V1Status, what: string): number {
  if (status === 'Success') return 0
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (code !== undefined && /^\d{1,3}$/.test(code)) return Number(code)
  throw new UnknownOutcomeError(
    `${what} was not run to its end: ${message ?? 'no reason was told'}`,
  )
}

/** The end of what was written, by characters. */
class Tail {
  readonly #most: number
  #bytes = Buffer.alloc(0)

  constructor(most: number) {
    this.#most = most
  }

  stream(): Writable {
    return new Writable({
      write: (part: Buffer, _encoding, next) => {
        // A character has four bytes at most.
        this.#bytes = Buffer.concat([this.#bytes, part]).subarray(-4 * this.#most)
        next()
      },
    })
  }

  text(): string {
    return this.#bytes.toString('utf8').slice(-this.#most)
  }
}
