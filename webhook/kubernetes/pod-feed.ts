/**
 * The pods of the cluster, by a list in pages and a watch from where it ended: needs `list` and `watch` on pods. Each
 * object is reduced as it comes. Conditions are asked for, so metadata alone would not do.
 */
import * as v from 'valibot'
import type { Clock } from '../../shared/clock.ts'
import { BackOff } from '../../shared/patience.ts'
import { KEY, SIDECAR_NAME } from '../../shared/sidecar-contract.ts'
import type { PodFacts } from '../controller/pod-facts.ts'
import type { PodChange, PodFeed } from '../controller/pod-feed.ts'
import type { ClusterApi, WatchLine } from './cluster-api.ts'
import { ClusterError, ExpiredError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { readPod, reducePod } from './reduce-pod.ts'
import { PODS } from './resources.ts'

/** Some megabytes of JSON at a time. */
const PAGE = '500'
/** The API server ends a watch then, and it goes on from where it was. */
const WATCH_SECONDS = '300'
/** What is past comes at once; nothing says where it ends. */
const LOOK_BACK_SECONDS = '20'
const FIRST_WAIT_MS = 500
const GONE = 410

const PageSchema = v.object({
  metadata: v.object({ resourceVersion: v.string(), continue: v.nullish(v.string()) }),
  items: v.array(v.unknown()),
})
const VersionedSchema = v.object({ metadata: v.object({ resourceVersion: v.string() }) })
const StatusSchema = v.object({ code: v.nullish(v.number()), message: v.nullish(v.string()) })

export function podFeed(api: ClusterApi, clock: Clock): PodFeed {
  return {
    async *follow(signal, onError) {
      let backOff = new BackOff(FIRST_WAIT_MS)
      for (let version: string | undefined; !signal.aborted;) {
        try {
          if (version === undefined) {
            const listed = await listAll(api, signal)
            yield { kind: 'all', pods: listed.pods }
            version = listed.version
            yield { kind: 'reached', version }
          }
          for await (const line of watchFrom(api, version, WATCH_SECONDS, signal)) {
            const { change, version: after } = changeOf(line)
            version = after
            backOff = new BackOff(FIRST_WAIT_MS)
            if (change !== undefined) yield change
            yield { kind: 'reached', version }
          }
        } catch (error) {
          if (signal.aborted) return
          // It remembers no further back: what happened meanwhile shows in a new list.
          if (error instanceof ExpiredError) version = undefined
          else onError(error)
          await clock.sleep(backOff.nextMs(), signal)
        }
      }
    },
    async *goneSince(version, signal) {
      try {
        for await (const line of watchFrom(api, version, LOOK_BACK_SECONDS, signal)) {
          const { change } = changeOf(line)
          if (change?.kind === 'gone') yield change.pod
        }
      } catch (error) {
        if (!(error instanceof ExpiredError) && !signal.aborted) throw error
      }
    },
  }
}

interface Listed {
  readonly pods: PodFacts[]
  readonly version: string
}

async function listAll(api: ClusterApi, signal: AbortSignal): Promise<Listed> {
  const pods: PodFacts[] = []
  for (let next = ''; ;) {
    const query = { limit: PAGE, ...(next !== '' && { continue: next }) }
    const answer = await api.call({ verb: 'list', resource: PODS, query, signal })
    const { metadata, items } = readObject(PageSchema, answer)
    pods.push(...items.flatMap((item) => factsOf(item) ?? []))
    next = metadata.continue ?? ''
    if (next === '') return { pods, version: metadata.resourceVersion }
  }
}

function watchFrom(
  api: ClusterApi,
  resourceVersion: string,
  timeoutSeconds: string,
  signal: AbortSignal,
): AsyncIterable<WatchLine> {
  const query = { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds }
  return api.watch({ resource: PODS, query, signal })
}

function changeOf({ type, object }: WatchLine): {
  change?: PodChange | undefined
  version: string
} {
  if (type === 'ERROR') throw watchError(object)
  const version = readObject(VersionedSchema, object).metadata.resourceVersion
  const pod = type === 'BOOKMARK' ? undefined : factsOf(object)
  if (pod === undefined) return { version }
  return { version, change: { kind: type === 'DELETED' ? 'gone' : 'is', pod } }
}

function watchError(object: unknown): Error {
  const { code, message } = readObject(StatusSchema, object)
  const said = `the API server ended the watch over pods: ${message ?? 'without a reason'}`
  return code === GONE ? new ExpiredError(said) : new ClusterError(said)
}

/** Undefined: Holdfast has nothing to do with it. Most pods are not looked at any closer. */
function factsOf(object: unknown): PodFacts | undefined {
  if (!concerns(object as Looked)) return undefined
  return reducePod(readPod(object))
}

interface Looked {
  readonly metadata?: {
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec?: { readonly initContainers?: readonly { readonly name?: string }[] }
}

function concerns({ metadata, spec }: Looked): boolean {
  return (
    metadata?.annotations?.[KEY.state] !== undefined ||
    metadata?.labels?.[KEY.restore] !== undefined ||
    spec?.initContainers?.some(({ name }) => name === SIDECAR_NAME) === true
  )
}
