/** Extended attributes of what a restore makes: compared with those that are there, and given back in the end. */
import { parentName } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { Attributes } from '../volume/attribute-dump.ts'
import { AttributeToolError } from '../volume/attribute-tool.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import { planAttributes } from '../volume/extended-attributes.ts'
import type { Layout } from '../volume/layout.ts'
import { locationOf, nameOf } from '../volume/layout.ts'
import type { RestorePlan } from './restore-plan.ts'

/** An attribute that could not be given back, or not be taken away. */
export interface LostAttribute {
  readonly name: string
  readonly attribute: string
  /** Empty where it is not known. */
  readonly why: string
}

/** By location, of all that is there now. Undefined: they cannot be read here. */
export async function presentAttributes(
  { roots }: Layout,
  tools: AttributeTools,
): Promise<ReadonlyMap<string, Attributes> | undefined> {
  try {
    return (await tools.read(roots.map(({ at }) => at)))?.found
  } catch (error) {
    if (error instanceof AttributeToolError) return undefined
    throw error
  }
}

/**
 * Gives what was made or changed its attributes, and takes others away. After content, owner and mode: files inherit ACLs
 * when they are made, and a change of owner takes capabilities away.
 * @param without names of entries that are not there.
 */
export async function restoreAttributes(
  layout: Layout,
  plan: RestorePlan,
  without: ReadonlySet<string>,
  tools: AttributeTools,
): Promise<LostAttribute[]> {
  const touched = new Set([...madeBy(plan), ...plan.metadata])
  const present =
    (await attributesNow(layout, plan, touched, tools)) ?? new Map<string, Attributes>()
  const wanted = wantedOf(layout, plan.target, touched, without, present)
  const refused = await tools.write(planAttributes(wanted, present))
  return refused.map(({ location, name, why }) => ({
    name: nameOf(layout, location) ?? location,
    attribute: name,
    why,
  }))
}

/**
 * What is made has attributes only where it inherits them, so directories that were there before are looked at, unless
 * they are known to have none, and everything only where one of those has any. To look at a whole volume takes a good
 * part of what writing it does.
 */
async function attributesNow(
  layout: Layout,
  plan: RestorePlan,
  touched: ReadonlySet<number>,
  tools: AttributeTools,
): Promise<ReadonlyMap<string, Attributes> | undefined> {
  const { directories, before } = plan.isBare
    ? { directories: newRoots(layout, plan), before: [] }
    : placesToLookAt(layout, plan, touched)
  try {
    const found = (await tools.readOf([...directories, ...before]))?.found
    const isInherited = found !== undefined && [...directories].some((each) => found.has(each))
    if (!isInherited) return found
  } catch (error) {
    if (error instanceof AttributeToolError) return undefined
    throw error
  }
  return presentAttributes(layout, tools)
}

/** Declared paths that were made: they inherit from what lies above them. */
function newRoots(layout: Layout, plan: RestorePlan): Set<string> {
  const made = [plan.directories, plan.files, plan.hardLinks]
  const isNew = (index: number) => {
    const row = plan.target.rowOf(String(index))
    return row !== undefined && made.some((rows) => rows.includes(row))
  }
  const roots = [...layout.roots.keys()].filter(isNew)
  return new Set(roots.map((index) => locationOf(layout, String(index))))
}

function placesToLookAt(
  layout: Layout,
  plan: RestorePlan,
  touched: ReadonlySet<number>,
): { directories: Set<string>; before: Set<string> } {
  const { target } = plan
  const isNew = new Uint8Array(target.endRow)
  for (const row of madeBy(plan)) isNew[row] = 1
  const before = new Set<string>()
  const directories = new Set<string>()
  let last: string | undefined
  for (const row of touched) {
    const name = target.nameAt(row)
    const parent = parentName(name)
    if (parent === undefined) directories.add(locationOf(layout, name))
    else {
      // Neighbours lie in one directory, mostly.
      if (parent !== last && isNew[target.rowOf(parent) ?? -1] !== 1)
        directories.add(locationOf(layout, parent))
      last = parent
      if (isNew[row] !== 1 && !directories.has(locationOf(layout, name)))
        before.add(locationOf(layout, name))
    }
  }
  return { directories, before }
}

function madeBy({ directories, files, hardLinks, symlinks }: RestorePlan): number[] {
  return [directories, files, hardLinks, symlinks].flat()
}

function* wantedOf(
  layout: Layout,
  target: EntryTable,
  rows: Iterable<number>,
  without: ReadonlySet<string>,
  present: ReadonlyMap<string, Attributes>,
): Generator<[string, Attributes | undefined]> {
  for (const row of rows) {
    const attributes = target.attributesAt(row)
    if (attributes === undefined && present.size === 0) continue
    const name = target.nameAt(row)
    if (without.has(name)) continue
    const location = locationOf(layout, name)
    if (attributes !== undefined || present.has(location)) yield [location, attributes]
  }
}
