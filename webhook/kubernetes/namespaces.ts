/** Namespaces as they are now: needs `get` on namespaces, and `list` on limitranges. */
import * as v from 'valibot'
import {
  namespaceFacts,
  UNKNOWN_NAMESPACE,
  type NamespacePolicies,
} from '../admission/namespace-policies.ts'
import type { NamespaceFacts } from '../inject/injection-context.ts'
import type { ContainerBound } from '../inject/limit-range.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { LIMIT_RANGES, NAMESPACES } from './resources.ts'

const Texts = v.nullish(v.record(v.string(), v.string()))
const Quantities = v.nullish(v.record(v.string(), v.union([v.string(), v.number()])))
const LimitRangesSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      spec: v.object({
        limits: v.array(
          v.object({
            type: v.string(),
            min: Quantities,
            max: Quantities,
            maxLimitRequestRatio: Quantities,
          }),
        ),
      }),
    }),
  ),
})
const NamespaceSchema = v.object({
  metadata: v.object({ labels: Texts, annotations: Texts }),
})

/**
 * Asks for each pod anew, so that an annotation counts from the next pod on, and what cannot be known is never guessed
 * from what once was: a watch can be behind without a sign of it. Only pods that ask for Holdfast come so far, and those
 * of a namespace that come at the same moment share one question.
 */
export function namespacePoliciesFromCluster(api: ClusterApi): NamespacePolicies {
  const asked = new Map<string, Promise<NamespaceFacts>>()
  return {
    factsOf(namespace) {
      const pending = asked.get(namespace)
      if (pending !== undefined) return pending
      const answer = ask(api, namespace).finally(() => asked.delete(namespace))
      asked.set(namespace, answer)
      return answer
    },
  }
}

async function ask(api: ClusterApi, name: string): Promise<NamespaceFacts> {
  try {
    const [object, containerBounds] = await Promise.all([
      api.call({ verb: 'get', resource: NAMESPACES, name }),
      boundsOf(api, name),
    ])
    const facts = namespaceFacts(readObject(NamespaceSchema, object).metadata)
    return { ...facts, ...(containerBounds.length > 0 && { containerBounds }) }
  } catch (error) {
    if (error instanceof MissingObjectError) return UNKNOWN_NAMESPACE
    throw error
  }
}

async function boundsOf(api: ClusterApi, namespace: string): Promise<ContainerBound[]> {
  const list = await api.call({ verb: 'list', resource: LIMIT_RANGES, namespace })
  return readObject(LimitRangesSchema, list).items.flatMap(({ metadata, spec }) =>
    spec.limits
      .filter(({ type }) => type === 'Container')
      .map(({ min, max, maxLimitRequestRatio }) => ({
        of: metadata.name,
        min: min ?? {},
        max: max ?? {},
        maxLimitRequestRatio: maxLimitRequestRatio ?? {},
      })),
  )
}
