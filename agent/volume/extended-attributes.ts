/**
 * Extended attributes, POSIX ACLs among them: read for a version, and given back by a restore.
 *
 *   read: xargs getfattr → dump → by location
 *   write: plan (wanted against present) → setfattr -x → setfattr --restore → what was refused
 */
import type { Attributes } from './attribute-dump.ts'
import { DumpReader, formatDump, unquote } from './attribute-dump.ts'
import { isKeptAttribute, isNodesAttribute } from './attribute-policy.ts'
import { runOverPaths, runTool } from './attribute-tool.ts'
import { lendWriteRight } from './write-right.ts'

export interface AttributeReading {
  /** What is kept, by absolute location. Whatever has none is absent. */
  readonly found: ReadonlyMap<string, Attributes>
  /** By name: attributes that are neither kept nor the node's own, as NFSv4 ACLs. */
  readonly lost: ReadonlyMap<string, { readonly first: string; readonly count: number }>
  /** Locations some of whose attributes could not be read, and why; a file that has gone meanwhile is one. */
  readonly failed: ReadonlyMap<string, string>
}

export interface RefusedAttribute {
  readonly location: string
  readonly name: string
  /** The kernel's words; empty where they are not known. */
  readonly why: string
}

export interface AttributePlan {
  readonly set: ReadonlyMap<string, Attributes>
  /** By name: the locations that must not have it. */
  readonly remove: ReadonlyMap<string, readonly string[]>
}

const DUMP = ['getfattr', '-P', '-h', '-d', '-m', '-', '-e', 'base64', '--absolute-names']
const RECURSIVE = '-R'

/**
 * Of everything below this directory, or of this file, links not followed. Undefined: the tool is not installed.
 * About 3 µs for each file. Throws `AttributeToolError`.
 */
export async function readAttributes(root: string): Promise<AttributeReading | undefined> {
  return read([...DUMP, RECURSIVE], [root])
}

/** Of these alone. Undefined: the tool is not installed. Throws `AttributeToolError`. */
export async function readAttributesOf(
  locations: Iterable<string>,
): Promise<AttributeReading | undefined> {
  return read(DUMP, locations)
}

async function read(
  tool: readonly string[],
  paths: Iterable<string>,
): Promise<AttributeReading | undefined> {
  const found = new Map<string, Record<string, string>>()
  const lost = new Map<string, { first: string; count: number }>()
  const reader = new DumpReader((location, name, value) => {
    if (isKeptAttribute(name)) {
      const attributes = found.get(location)
      if (attributes === undefined) found.set(location, { [name]: value })
      else attributes[name] = value
    } else if (!isNodesAttribute(name)) {
      const count = lost.get(name)
      if (count === undefined) lost.set(name, { first: location, count: 1 })
      else count.count += 1
    }
  })
  const complaints = await runOverPaths(tool, paths, (piece) => {
    reader.push(piece)
  })
  if (complaints === undefined) return undefined
  for (const [location, attributes] of found) found.set(location, inOrder(attributes))
  return { found, lost, failed: failuresOf(complaints) }
}

/** Kernels and file systems list them in any order; versions have one. */
function inOrder(attributes: Attributes): Record<string, string> {
  const names = Object.keys(attributes)
  return names.length < 2
    ? attributes
    : Object.fromEntries(names.toSorted().map((name) => [name, attributes[name] ?? '']))
}

/** `getfattr: <path>: <why>` for a path, `<path>: <name>: <why>` for one of its attributes. */
const OF_PATH = /^(?:get|set)fattr: (?<path>.*): (?<why>.*?)$/s
const OF_ATTRIBUTE = /^(?<path>\/.*): (?:[a-z]+\.[^:]*): (?<why>.*?)$/s

function failuresOf(complaints: readonly Buffer[]): Map<string, string> {
  const failures = new Map<string, string>()
  for (const complaint of complaints) {
    const text = complaint.toString('latin1')
    const { path, why = '' } = (OF_PATH.exec(text) ?? OF_ATTRIBUTE.exec(text))?.groups ?? {}
    if (path !== undefined) failures.set(unquote(Buffer.from(path, 'latin1')), why)
  }
  return failures
}

/** What to do for each of these locations to have the wanted attributes and no other that Holdfast keeps. */
export function planAttributes(
  wanted: Iterable<readonly [location: string, attributes: Attributes | undefined]>,
  present: ReadonlyMap<string, Attributes>,
): AttributePlan {
  const set = new Map<string, Attributes>()
  const remove = new Map<string, string[]>()
  for (const [location, attributes = {}] of wanted) {
    const there = present.get(location) ?? {}
    const differing = Object.entries(attributes).filter(
      ([name, value]) => isKeptAttribute(name) && there[name] !== value,
    )
    if (differing.length > 0) set.set(location, Object.fromEntries(differing))
    for (const name of Object.keys(there)) {
      if (Object.hasOwn(attributes, name)) continue
      const locations = remove.get(name)
      if (locations === undefined) remove.set(name, [location])
      else locations.push(location)
    }
  }
  return { set, remove }
}

/**
 * Carries a plan out, after content, owner and mode (a change of owner takes capabilities away) and before anything
 * remembers ctimes. What the kernel or the file system refuses is returned, never thrown. Undefined: the tool is not
 * installed. Throws `AttributeToolError`.
 */
export async function writeAttributes(
  plan: AttributePlan,
): Promise<readonly RefusedAttribute[] | undefined> {
  const touched = new Set([...plan.set.keys(), ...[...plan.remove.values()].flat()])
  const takeBack = lendWriteRight(touched)
  try {
    const complaints = await carryOut(plan)
    if (complaints === undefined || complaints.length === 0) return complaints && []
    return await refusedOf(plan, touched, complaints)
  } finally {
    takeBack()
  }
}

async function carryOut({ set, remove }: AttributePlan): Promise<Buffer[] | undefined> {
  const runs: (Buffer[] | undefined)[] = []
  for (const [name, locations] of remove)
    runs.push(await runOverPaths(['setfattr', '-h', '-x', name], locations))
  if (set.size > 0) runs.push(await runTool(['setfattr', '-h', '--restore=-'], dumpOf(set)))
  return runs.includes(undefined) ? undefined : runs.flatMap((lines) => lines ?? [])
}

function* dumpOf(set: AttributePlan['set']): Generator<Buffer> {
  for (const [location, attributes] of set) yield formatDump(location, aclsLast(attributes))
}

/** An ACL may take the right to write away. */
function aclsLast(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes)
  return Object.fromEntries([
    ...entries.filter(([name]) => !isAcl(name)),
    ...entries.filter(([name]) => isAcl(name)),
  ])
}

function isAcl(name: string): boolean {
  return name.startsWith('system.posix_acl_')
}

/** The tool does not say which attribute was refused: what is there now does. */
async function refusedOf(
  { set, remove }: AttributePlan,
  touched: ReadonlySet<string>,
  complaints: readonly Buffer[],
): Promise<readonly RefusedAttribute[] | undefined> {
  const reasons = failuresOf(complaints)
  const now = await readAttributesOf(touched)
  if (now === undefined) return undefined
  const valueOf = (location: string, name: string) => now.found.get(location)?.[name]
  const notSet = [...set].flatMap(([location, attributes]) =>
    Object.entries(attributes)
      .filter(([name, value]) => valueOf(location, name) !== value)
      .map(([name]) => ({ location, name })),
  )
  const notRemoved = [...remove].flatMap(([name, locations]) =>
    locations
      .filter((location) => valueOf(location, name) !== undefined)
      .map((location) => ({ location, name })),
  )
  return [...notSet, ...notRemoved].map((refused) => ({
    ...refused,
    why: reasons.get(refused.location) ?? '',
  }))
}
