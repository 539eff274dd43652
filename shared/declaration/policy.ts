/** `holdfast.dev/policy` on a Namespace, and the service's defaults. */
import type { GenericSchema } from 'valibot'
import { KEY } from '../sidecar-contract.ts'
import { DeclarationError, type Parsed } from './fault.ts'
import { DefaultsSchema, PolicySchema, type PolicyInput } from './schema.ts'
import { checkBySchema } from './schema-faults.ts'
import { flattenSettings, type Settings } from './settings.ts'
import { readYaml } from './yaml-text.ts'

/** The keys that it says; those it leaves out are left to the next in line. */
export type Policy = Partial<Settings>

/** Reads the value of `holdfast.dev/policy`; every fault at once, never throws. */
export function parsePolicy(text: unknown): Parsed<Policy> {
  return parseSettings(PolicySchema, text)
}

/** Reads the service's defaults: a policy without `store`. */
export function parseDefaults(text: unknown): Parsed<Policy> {
  return parseSettings(DefaultsSchema, text)
}

/** As `parsePolicy`; throws a `DeclarationError` whose message holds every fault. */
export function readPolicy(text: unknown): Policy {
  const parsed = parsePolicy(text)
  if (!parsed.ok) throw new DeclarationError(KEY.policy, parsed.faults)
  return parsed.value
}

function parseSettings(schema: GenericSchema<unknown, PolicyInput>, text: unknown): Parsed<Policy> {
  const yaml = readYaml(text)
  if (!yaml.ok) return yaml
  const checked = checkBySchema(schema, yaml.value)
  return checked.ok ? { ok: true, value: flattenSettings(checked.value) } : checked
}
