/** What a schema allows at a path: the keys of a map, the words of a choice. */
import type { GenericSchema } from 'valibot'
import type { Path } from './yaml-text.ts'

/** The parts of valibot's schema objects that say what is inside. */
interface SchemaNode {
  readonly type: string
  readonly entries?: Readonly<Record<string, SchemaNode>>
  readonly item?: SchemaNode
  readonly wrapped?: SchemaNode
  readonly options?: readonly unknown[]
}

/** The keys of the map at `path`; of the full form, where a value may take several. */
export function keysAt(schema: GenericSchema, path: Path): string[] {
  return nodesAt(schema, path).flatMap((node) => Object.keys(node.entries ?? {}))
}

/** The words of the choice at `path`. */
export function wordsAt(schema: GenericSchema, path: Path): string[] {
  return nodesAt(schema, path)
    .filter((node) => node.type === 'picklist')
    .flatMap((node) => (node.options ?? []).map(String))
}

/** Stands for a list where a map or a text belongs: valibot takes a list for a map with the keys 0, 1, … */
const MISPLACED_LIST = Symbol('a list')

/** `value`, with each list where the schema knows none made something that no schema takes. */
export function withoutMisplacedLists(schema: GenericSchema, value: unknown): unknown {
  return replaceLists(unwrap(schema), value)
}

function replaceLists(nodes: readonly SchemaNode[], value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = nodes.flatMap((node) => (node.item === undefined ? [] : unwrap(node.item)))
    return items.length === 0 ? MISPLACED_LIST : value.map((one) => replaceLists(items, one))
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const inner = nodes.flatMap((node) => unwrapKey(node, key))
      return [key, inner.length === 0 ? one : replaceLists(inner, one)]
    }),
  )
}

function unwrapKey(node: SchemaNode, key: string): SchemaNode[] {
  const entry = node.entries?.[key]
  return entry === undefined ? [] : unwrap(entry)
}

/** Where else `key` is a key, as `backup.within`; list items are written `[]`. */
export function placesOf(schema: GenericSchema, key: string): string[] {
  return [...new Set(placesIn(schema, key, ''))]
}

function nodesAt(schema: GenericSchema, path: Path): SchemaNode[] {
  let nodes = unwrap(schema)
  for (const key of path)
    nodes = nodes.flatMap((node) => {
      if (typeof key === 'string') return unwrapKey(node, key)
      return node.item === undefined ? [] : unwrap(node.item)
    })
  return nodes
}

/** The alternatives of a schema, without what makes it optional. */
function unwrap(node: SchemaNode): SchemaNode[] {
  if (node.wrapped !== undefined) return unwrap(node.wrapped)
  if (node.type === 'union') return (node.options as SchemaNode[]).flatMap(unwrap)
  return [node]
}

function placesIn(schema: SchemaNode, key: string, prefix: string): string[] {
  return unwrap(schema).flatMap((node) => {
    if (node.item !== undefined) return placesIn(node.item, key, `${prefix}[]`)
    return Object.entries(node.entries ?? {}).flatMap(([name, inner]) => {
      const place = prefix === '' ? name : `${prefix}.${name}`
      return name === key ? [place] : placesIn(inner, key, place)
    })
  })
}
