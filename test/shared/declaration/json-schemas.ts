/** The published JSON Schemas, made from the schemas that the code reads by. */
import { toJsonSchema, type JsonSchema } from '@valibot/to-json-schema'
import { format } from 'prettier'
import type { GenericSchema } from 'valibot'
import { PolicySchema, StateSchema } from '../../../shared/declaration/schema.ts'

const SCHEMAS: Record<string, readonly [schema: GenericSchema, title: string]> = {
  'manifests/schema/state.schema.json': [StateSchema, 'holdfast.dev/state'],
  'manifests/schema/policy.schema.json': [PolicySchema, 'holdfast.dev/policy'],
}

/** File name below the project's root to its text. */
export async function jsonSchemas(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [file, [schema, title]] of Object.entries(SCHEMAS)) {
    const body = toJsonSchema(schema, {
      typeMode: 'input',
      // What JSON Schema cannot say (two keys against each other) is left to the reader.
      errorMode: 'ignore',
      overrideSchema: ({ jsonSchema }) => withHookRule(jsonSchema),
    })
    const text = JSON.stringify({ ...body, title })
    files.set(file, await format(text, { parser: 'json', printWidth: 100 }))
  }
  return files
}

/** A hook has exactly one of http and exec. */
function withHookRule(schema: JsonSchema): JsonSchema {
  if (schema.properties?.http === undefined) return schema
  return { ...schema, oneOf: [{ required: ['http'] }, { required: ['exec'] }] }
}
