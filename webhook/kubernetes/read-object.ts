import * as v from 'valibot'
import { ClusterError } from './cluster-error.ts'

/** What we need of an object that the API server sent. Throws a `ClusterError` that names the field that is otherwise. */
export function readObject<const Schema extends v.GenericSchema>(
  schema: Schema,
  object: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, object)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new ClusterError(
    `the API server sent an object whose ${v.getDotPath(issue) ?? 'shape'} is ${issue.received}, expected ${issue.expected ?? 'a value'}`,
  )
}
