/** Extended attributes of what a restore makes: compared with those that are there, and given back in the end. */
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { Attributes } from '../volume/attribute-dump.ts'
import { AttributeToolError } from '../volume/attribute-tool.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import { planAttributes } from '../volume/extended-attributes.ts'
import type { Layout } from '../volume/layout.ts'
import { locationOf, nameOf } from '../volume/layout.ts'

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
 * Gives the target's entries their attributes, and takes others away. After content, owner and mode: files inherit ACLs
 * when they are made, and a change of owner takes capabilities away.
 * @param without names of entries that are not there.
 */
export async function restoreAttributes(
  layout: Layout,
  target: EntryTable,
  without: ReadonlySet<string>,
  tools: AttributeTools,
): Promise<LostAttribute[]> {
  const present = (await presentAttributes(layout, tools)) ?? new Map<string, Attributes>()
  const plan = planAttributes(wantedOf(layout, target, without, present), present)
  const refused = await tools.write(plan)
  return refused.map(({ location, name, why }) => ({
    name: nameOf(layout, location) ?? location,
    attribute: name,
    why,
  }))
}

function* wantedOf(
  layout: Layout,
  target: EntryTable,
  without: ReadonlySet<string>,
  present: ReadonlyMap<string, Attributes>,
): Generator<[string, Attributes | undefined]> {
  for (const row of target.rows()) {
    const { name, attributes } = target.glanceAt(row)
    if (without.has(name)) continue
    const location = locationOf(layout, name)
    if (attributes !== undefined || present.has(location)) yield [location, attributes]
  }
}
