/**
 * What a schema allows to be written, and what has been: paths of fields, of each choice that a field leaves, and of
 * each form that a list may have.
 */
import type * as v from 'valibot'

interface Schema extends v.GenericSchema {
  readonly entries?: Readonly<Record<string, Schema>>
  readonly options?: readonly (Schema | string | number)[]
  readonly wrapped?: Schema
  readonly item?: Schema
  readonly items?: readonly Schema[]
}

/** Of a header the path is its kind: `version.reason=stop`. */
export function* allowedBy(given: v.GenericSchema, path: string): Generator<string> {
  const schema = given as Schema
  if (schema.wrapped !== undefined) yield* allowedBy(schema.wrapped, path)
  else if (schema.type === 'array' && schema.item !== undefined) yield* allowedBy(schema.item, path)
  else if (schema.type === 'strict_tuple') yield `${path}[${schema.items?.length}]`
  else if (schema.entries !== undefined)
    for (const [field, inner] of Object.entries(schema.entries)) {
      yield `${path}.${field}`
      yield* allowedBy(inner, `${path}.${field}`)
    }
  else
    for (const option of schema.options ?? [])
      if (typeof option === 'object') yield* allowedBy(option, path)
      else yield `${path}=${option}`
}

export function* seenIn(value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) {
    yield `${path}[${value.length}]`
    for (const item of value) yield* seenIn(item, path)
  } else if (typeof value === 'object' && value !== null)
    for (const [field, inner] of Object.entries(value)) {
      yield `${path}.${field}`
      yield* seenIn(inner, `${path}.${field}`)
    }
  else yield `${path}=${String(value)}`
}
