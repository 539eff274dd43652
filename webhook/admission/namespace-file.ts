import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { parse } from 'yaml'
import { UsageError } from '../../shared/errors.ts'
import { namespaceFacts, UNKNOWN_NAMESPACE, type NamespacePolicies } from './namespace-policies.ts'

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
      return found === undefined ? UNKNOWN_NAMESPACE : namespaceFacts(found.metadata)
    },
  }
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
