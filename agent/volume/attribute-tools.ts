/** What this machine can do about extended attributes. Where the tools are not installed, that is found out once. */
import type { Attributes } from './attribute-dump.ts'
import { AttributeToolError } from './attribute-tool.ts'
import type { AttributePlan, AttributeReading, RefusedAttribute } from './extended-attributes.ts'
import { readAttributes, readAttributesOf, writeAttributes } from './extended-attributes.ts'

export class AttributeTools {
  #missing = false
  #begun: Promise<AttributeReading | undefined> | undefined

  /** Of everything at and below these places. Undefined: they cannot be read here. */
  async read(roots: readonly string[]): Promise<AttributeReading | undefined> {
    const readings = [NOTHING]
    for (const root of this.#missing ? [] : roots) {
      const reading = await readAttributes(root)
      this.#missing ||= reading === undefined
      if (reading !== undefined) readings.push(reading)
    }
    return this.#missing ? undefined : merged(readings)
  }

  /** Begins to read of everything at and below these places, beside whatever is done until it is taken. */
  begin(roots: readonly string[]): void {
    this.#begun = this.read(roots)
    this.#begun.catch(() => undefined) // told to whoever takes it
  }

  /** What was begun, once: of each file as it was at some time since then. Undefined: nothing was. */
  takeBegun(): Promise<AttributeReading | undefined> | undefined {
    const begun = this.#begun
    this.#begun = undefined
    return begun
  }

  /** Of these alone. Undefined: they cannot be read here. */
  async readOf(locations: readonly string[]): Promise<AttributeReading | undefined> {
    if (this.#missing) return undefined
    if (locations.length === 0) return NOTHING
    const reading = await readAttributesOf(locations)
    this.#missing = reading === undefined
    return reading
  }

  /** Carries a plan out; returns what was refused. */
  async write(plan: AttributePlan): Promise<readonly RefusedAttribute[]> {
    if (plan.set.size + plan.remove.size === 0) return []
    try {
      const refused = this.#missing ? undefined : await writeAttributes(plan)
      return refused ?? notWritten(plan, 'setfattr is not installed')
    } catch (error) {
      if (!(error instanceof AttributeToolError)) throw error
      return notWritten(plan, error.message)
    }
  }
}

const NOTHING: AttributeReading = { found: new Map(), lost: new Map(), failed: new Map() }

function merged(readings: readonly AttributeReading[]): AttributeReading {
  const lost = new Map<string, { first: string; count: number }>()
  for (const [name, { first, count }] of readings.flatMap((each) => [...each.lost])) {
    const known = lost.get(name)
    lost.set(name, { first: known?.first ?? first, count: count + (known?.count ?? 0) })
  }
  return {
    found: new Map(readings.flatMap((each) => [...each.found])),
    lost,
    failed: new Map(readings.flatMap((each) => [...each.failed])),
  }
}

function notWritten({ set }: AttributePlan, why: string): RefusedAttribute[] {
  const names = ([location, attributes]: [string, Attributes]) =>
    Object.keys(attributes).map((name) => ({ location, name, why }))
  return [...set].flatMap(names)
}
