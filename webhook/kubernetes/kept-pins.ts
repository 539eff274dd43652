/**
 * Kept pins, in a ConfigMap for each app, an entry for each slot: needs `get`, `create` and `patch` on configmaps of our
 * namespace, and `get` on namespaces. The app's namespace owns it: with that it goes.
 */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { KeptPins } from '../admission/kept-pins.ts'
import type { PinnedStream } from '../inject/pin-resolver.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { CONFIG_MAPS, NAMESPACES } from './resources.ts'

/** Of pods that take whichever slot is free; no slot is called so. */
const ANY_SLOT = '_any'
/** Of a slot, the newest: the pin that counts, and the one that a rollout is replacing. */
const MOST = 2

const NamespaceSchema = v.object({ metadata: v.object({ uid: v.string() }) })
const ConfigMapSchema = v.object({
  metadata: v.object({ resourceVersion: v.string() }),
  data: v.nullish(v.record(v.string(), v.string())),
})
const AnswersSchema = v.array(
  v.object({
    request: v.string(),
    store: v.string(),
    resolved: v.object({
      version: v.nullable(v.number()),
      images: v.array(
        v.object({
          container: v.string(),
          image: v.string(),
          digest: v.exactOptional(v.string()),
        }),
      ),
      bytes: v.exactOptional(v.number()),
      templateHash: v.exactOptional(v.string()),
    }),
  }),
)
type Answers = v.InferOutput<typeof AnswersSchema>

export function keptPins(api: ClusterApi, ownNamespace: string): KeptPins {
  return {
    async read(stream, request) {
      const found = await readAnswers(api, ownNamespace, stream)
      return find(found?.answers ?? [], stream, request)?.resolved
    },
    async keep(stream, request, resolved) {
      const found = await readAnswers(api, ownNamespace, stream)
      if (find(found?.answers ?? [], stream, request) !== undefined) return
      const kept = [{ request, store: stream.store, resolved }, ...(found?.answers ?? [])]
      const data = { [slotOf(stream)]: JSON.stringify(kept.slice(0, MOST)) }
      await write(api, ownNamespace, stream, data, found?.resourceVersion)
    },
  }
}

async function readAnswers(
  api: ClusterApi,
  namespace: string,
  stream: PinnedStream,
): Promise<{ readonly resourceVersion: string; readonly answers: Answers } | undefined> {
  const target = { resource: CONFIG_MAPS, namespace, name: nameOf(stream) }
  try {
    const object = await api.call({ verb: 'get', ...target })
    const { metadata, data } = readObject(ConfigMapSchema, object)
    return { resourceVersion: metadata.resourceVersion, answers: parse(data?.[slotOf(stream)]) }
  } catch (error) {
    if (error instanceof MissingObjectError) return undefined
    throw error
  }
}

/** Only over what was read: else throws a `ConflictError`. */
async function write(
  api: ClusterApi,
  namespace: string,
  stream: PinnedStream,
  data: Readonly<Record<string, string>>,
  resourceVersion: string | undefined,
): Promise<void> {
  const target = { resource: CONFIG_MAPS, namespace }
  const name = nameOf(stream)
  if (resourceVersion !== undefined) {
    const body = { metadata: { resourceVersion }, data }
    await api.call({ verb: 'patch', ...target, name, patch: 'merge', body })
    return
  }
  const owner = await ownerOf(api, stream)
  if (owner === undefined) return
  const metadata = {
    name,
    labels: { 'app.kubernetes.io/name': 'holdfast' },
    annotations: { 'holdfast.dev/app': `${stream.namespace}/${stream.app}` },
    ownerReferences: [owner],
  }
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  await api.call({ verb: 'create', ...target, body })
}

/** Undefined where the namespace has gone. */
async function ownerOf(
  api: ClusterApi,
  { namespace: name }: PinnedStream,
): Promise<object | undefined> {
  try {
    const object = await api.call({ verb: 'get', resource: NAMESPACES, name })
    const { uid } = readObject(NamespaceSchema, object).metadata
    return { apiVersion: 'v1', kind: 'Namespace', name, uid }
  } catch (error) {
    if (error instanceof MissingObjectError) return undefined
    throw error
  }
}

function nameOf({ namespace, app }: PinnedStream): string {
  const hash = createHash('sha256').update(`${namespace}/${app}`).digest('hex')
  return `holdfast-pins-${hash.slice(0, 16)}`
}

function slotOf({ slot }: PinnedStream): string {
  return slot ?? ANY_SLOT
}

function find(
  answers: Answers,
  { store }: PinnedStream,
  request: string,
): Answers[number] | undefined {
  return answers.find((one) => one.request === request && one.store === store)
}

/** What does not read, because another release wrote it or a person, counts as not there. */
function parse(text: string | undefined): Answers {
  if (text === undefined) return []
  try {
    const result = v.safeParse(AnswersSchema, JSON.parse(text))
    return result.success ? result.output : []
  } catch {
    return []
  }
}
