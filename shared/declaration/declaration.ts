/** `holdfast.dev/state`, read: what the pod's author declared, in one form. */
import { KEY } from '../sidecar-contract.ts'
import { DeclarationError, type Parsed } from './fault.ts'
import { pathRelationFaults, withoutTrailingSlash } from './path-relations.ts'
import { flattenSettings, readHook, type Settings } from './settings.ts'
import { StateSchema, type StateInput } from './schema.ts'
import { checkBySchema, inOrder } from './schema-faults.ts'
import { readYaml } from './yaml-text.ts'

export interface DeclaredPath {
  /** Absolute, without a slash at the end. */
  readonly path: string
  /** `auto`, where nothing is said: databases are noticed by what they begin with. */
  readonly as: 'auto' | 'files' | 'sqlite'
  /** Undefined: the container that mounts it. */
  readonly container?: string
  readonly exclude: readonly string[]
}

export interface Declaration {
  readonly app?: string
  /** One at least; none inside another. */
  readonly paths: readonly DeclaredPath[]
  /** What it says of the keys that a Namespace and the service may say, too. */
  readonly settings: Partial<Settings>
}

/** Reads the value of `holdfast.dev/state`; every fault at once, never throws. */
export function parseDeclaration(text: unknown): Parsed<Declaration> {
  const yaml = readYaml(text)
  if (!yaml.ok) return yaml
  const checked = checkBySchema(StateSchema, yaml.value)
  const relations = pathRelationFaults(yaml.value)
  if (checked.ok && relations.length === 0) return { ok: true, value: normalise(checked.value) }
  return { ok: false, faults: inOrder([...(checked.ok ? [] : checked.faults), ...relations]) }
}

/** As `parseDeclaration`; throws a `DeclarationError` whose message holds every fault. */
export function readDeclaration(text: unknown): Declaration {
  const parsed = parseDeclaration(text)
  if (!parsed.ok) throw new DeclarationError(KEY.state, parsed.faults)
  return parsed.value
}

function normalise(input: StateInput): Declaration {
  if (typeof input === 'string') return { paths: [toPath(input)], settings: {} }
  if (Array.isArray(input)) return { paths: input.map(toPath), settings: {} }
  const { app, paths, backup } = input
  const settings = flattenSettings(input)
  if (backup?.before !== undefined) settings['backup.before'] = readHook(backup.before)
  if (backup?.after !== undefined) settings['backup.after'] = readHook(backup.after)
  return { ...(app !== undefined && { app }), paths: paths.map(toPath), settings }
}

type PathInput = Extract<StateInput, readonly unknown[]>[number]

function toPath(input: PathInput): DeclaredPath {
  if (typeof input === 'string')
    return { path: withoutTrailingSlash(input), as: 'auto', exclude: [] }
  const { path, as = 'auto', container, exclude = [] } = input
  return {
    path: withoutTrailingSlash(path),
    as,
    ...(container !== undefined && { container }),
    exclude,
  }
}
