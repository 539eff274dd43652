import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { parse } from 'yaml'
import { UsageError } from '../../shared/errors.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import type { NamespaceFacts } from '../inject/injection-context.ts'

/** What is known of the Namespaces. */
export interface NamespacePolicies {
  /** A Namespace that is not known has no policy. Throws a `HoldfastError` where it cannot be known now. */
  factsOf(namespace: string): Promise<NamespaceFacts>
}

const POD_SECURITY = 'pod-security.kubernetes.io/enforce'

const NamespaceListSchema = v.array(
  v.looseObject({
    kind: v.literal('Namespace'),
    metadata: v.looseObject({
      name: v.string(),
      labels: v.nullish(v.record(v.string(), v.string())),
      annotations: v.nullish(v.record(v.string(), v.string())),
    }),
  }),
)

type Namespace = v.InferOutput<typeof NamespaceListSchema>[number]

/** For use without a cluster: a YAML file with a list of Namespace objects, read anew for each question. */
export function namespacePoliciesFromFile(path: string): NamespacePolicies {
  return {
    async factsOf(namespace) {
      const namespaces = await readNamespaces(path)
      const found = namespaces.find((one) => one.metadata.name === namespace)
      return found === undefined ? { restricted: false } : namespaceFacts(found)
    },
  }
}

/** What counts of a Namespace object. */
export function namespaceFacts(namespace: Namespace): NamespaceFacts {
  const policy = namespace.metadata.annotations?.[KEY.policy]
  const restricted = namespace.metadata.labels?.[POD_SECURITY] === 'restricted'
  return { ...(policy !== undefined && { policy }), restricted }
}

async function readNamespaces(path: string): Promise<Namespace[]> {
  let value: unknown
  try {
    value = parse(await readFile(path, 'utf8'), { logLevel: 'silent' })
  } catch (cause) {
    throw new UsageError(
      `the Namespaces in "${path}" cannot be read (${(cause as Error).message.split('\n')[0]}); write a YAML list of Namespace objects`,
      { cause },
    )
  }
  const result = v.safeParse(NamespaceListSchema, value ?? [])
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new UsageError(
    `"${path}": ${v.getDotPath(issue) ?? 'the file'} is ${issue.received}, expected ${issue.expected ?? 'a value'}; write a YAML list of Namespace objects`,
  )
}
