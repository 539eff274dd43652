/** Namespaces as they are now: needs `get` on namespaces. */
import * as v from 'valibot'
import {
  namespaceFacts,
  UNKNOWN_NAMESPACE,
  type NamespacePolicies,
} from '../admission/namespace-policies.ts'
import type { NamespaceFacts } from '../inject/injection-context.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { NAMESPACES } from './resources.ts'

const Texts = v.nullish(v.record(v.string(), v.string()))
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
    const object = await api.call({ verb: 'get', resource: NAMESPACES, name })
    return namespaceFacts(readObject(NamespaceSchema, object).metadata)
  } catch (error) {
    if (error instanceof MissingObjectError) return UNKNOWN_NAMESPACE
    throw error
  }
}
