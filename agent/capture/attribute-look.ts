/**
 * The extended attributes of what a capture has found. They are read beside the files' content: of everything when an
 * agent looks for the first time (the version before may know nothing of them), of what changed from then on, since no
 * attribute changes without its file's ctime.
 */
import type { Entry, Fault } from '../../shared/repository/entry.ts'
import { sameAttributes } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import { AttributeToolError } from '../volume/attribute-tool.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { AttributeReading } from '../volume/extended-attributes.ts'
import type { Layout } from '../volume/layout.ts'
import { locationOf, nameOf } from '../volume/layout.ts'
import type { HeldVersion } from './held-version.ts'

export interface AttributeLook {
  /** Undefined: of everything. */
  readonly names: readonly string[] | undefined
  /** Or why they could not be looked for. */
  readonly reading: AttributeReading | string
}

/** What a capture has found so far. */
export interface Found {
  readonly changed: EntryTable
  readonly refreshed: EntryTable
  readonly gone: ReadonlySet<string>
}

/** Where more than so many may differ, all is read again. */
const MOST_AGAIN = 2000

/** @param changed what may differ from the held version; read before the first wait. */
export async function lookForAttributes(
  layout: Layout,
  held: HeldVersion,
  changed: EntryTable,
  tools: AttributeTools,
): Promise<AttributeLook> {
  const names = held.attributesSeen ? [...changed.keys()] : undefined
  try {
    const reading =
      names === undefined
        ? await readAll(layout, changed, tools)
        : await tools.readOf(names.map((name) => locationOf(layout, name)))
    return { names, reading: reading ?? 'getfattr is not installed' }
  } catch (error) {
    if (!(error instanceof AttributeToolError)) throw error
    return { names, reading: error.message } // the files themselves are shipped all the same
  }
}

/**
 * Where a reading of everything was begun before the volume was looked at, it is as good as a later one of all that has
 * the ctime that it had in the held version; the rest is read again.
 */
async function readAll(
  layout: Layout,
  changed: EntryTable,
  tools: AttributeTools,
): Promise<AttributeReading | undefined> {
  const begun = tools.takeBegun()
  const roots = layout.roots.map(({ at }) => at)
  if (begun === undefined || changed.size > MOST_AGAIN) return tools.read(roots)
  const again = [...changed.keys()].map((name) => locationOf(layout, name))
  const [early, late] = [await begun, await tools.readOf(again)]
  if (early === undefined || late === undefined) return undefined
  // Of what is not kept there are numbers only: they cannot be told apart.
  if (early.lost.size + late.lost.size > 0) return tools.read(roots)
  const isEarly = ([location]: [string, unknown]) => !looked.has(location)
  const looked = new Set(again)
  return {
    found: new Map([...[...early.found].filter(isEarly), ...late.found]),
    failed: new Map([...[...early.failed].filter(isEarly), ...late.failed]),
    lost: new Map(),
  }
}

/** Gives the entries that were found, with the attributes that they had before, those that they have now. */
export function settleAttributes(
  layout: Layout,
  held: HeldVersion,
  { names, reading }: AttributeLook,
  { changed, refreshed, gone }: Found,
): void {
  if (typeof reading === 'string') return
  const entryNow = (name: string): Entry | undefined =>
    gone.has(name)
      ? undefined
      : (changed.get(name) ?? refreshed.get(name) ?? held.entries.get(name))
  const namesFound = [...reading.found.keys()].flatMap((location) => nameOf(layout, location) ?? [])
  for (const name of new Set([...(names ?? held.attributed), ...namesFound])) {
    const entry = entryNow(name)
    const location = locationOf(layout, name)
    if (entry === undefined || entry.stale === true || reading.failed.has(location)) continue
    const attributes = reading.found.get(location)
    if (sameAttributes(entry.attributes, attributes)) continue
    changed.set(withAttributes(entry, attributes))
    refreshed.delete(name)
  }
}

function withAttributes(entry: Entry, attributes: Entry['attributes']): Entry {
  const { attributes: _before, ...plain } = entry
  return attributes === undefined ? plain : { ...plain, attributes }
}

/** What is not known or not kept of the attributes. What was said before of what was not looked at now stands. */
export function attributeFaults(
  layout: Layout,
  held: HeldVersion,
  { names, reading }: AttributeLook,
  { changed, refreshed, gone }: Found,
): Fault[] {
  if (typeof reading === 'string')
    return [fault('0', `extended attributes were not looked for: ${reading}`, ALL)]
  const has = (name: string) =>
    !gone.has(name) && (changed.has(name) || refreshed.has(name) || held.entries.has(name))
  const looked = new Set(names)
  const before =
    names === undefined ? [] : held.faults.filter(({ attribute }) => attribute !== undefined)
  const stands = before.filter(
    ({ name, attribute }) => attribute !== ALL || (has(name) && !looked.has(name)),
  )
  const known = new Set(stands.map(({ attribute }) => attribute))
  const lost = [...reading.lost].flatMap(([attribute, { first, count }]) => {
    const name = nameOf(layout, first)
    if (name === undefined || known.has(attribute) || !has(name)) return []
    return fault(name, `${count} with ${attribute}, which is not kept`, attribute)
  })
  const failed = [...reading.failed].flatMap(([location, why]) => {
    const name = nameOf(layout, location)
    if (name === undefined || !has(name) || isStale(name, changed)) return []
    return fault(name, `its extended attributes cannot be read: ${why}`, ALL)
  })
  return [...stands, ...lost, ...failed]
}

/** Said once, also where the attributes of what was not read are not known either. */
function isStale(name: string, changed: EntryTable): boolean {
  return changed.glance(name)?.stale === true
}

function fault(name: string, why: string, attribute: string): Fault {
  return { name, kind: 'notRestorable', why, attribute }
}

/** Instead of one attribute's name. */
const ALL = '*'
