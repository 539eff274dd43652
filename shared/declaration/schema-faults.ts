/** Valibot's issues as faults: with place, what was found, what is allowed, and a guess at what was meant. */
import { closest, distance } from 'fastest-levenshtein'
import * as v from 'valibot'
import { describeFound, type Fault, type Parsed } from './fault.ts'
import { keysAt, placesOf, withoutMisplacedLists, wordsAt } from './schema-node.ts'
import type { Path, YamlText } from './yaml-text.ts'

type Issue = v.BaseIssue<unknown>

/** Reads a value by a schema: the output, or every fault. */
export function checkBySchema<T extends v.GenericSchema>(
  schema: T,
  text: YamlText,
): Parsed<v.InferOutput<T>> {
  const result = v.safeParse(schema, withoutMisplacedLists(schema, text.value))
  if (result.success) return { ok: true, value: result.output }
  const leaves = result.issues.flatMap((issue) => leafIssues(issue, []))
  const faults = leaves.map(({ issue, path }) => toFault(schema, text, issue, path))
  return { ok: false, faults: inOrder(firstOfEachPlace(faults)) }
}

interface LeafIssue {
  readonly issue: Issue
  readonly path: Path
}

/** Of alternatives that all failed, the faults inside the one whose shape fits say more than "none fits". */
function leafIssues(issue: Issue, prefix: Path): LeafIssue[] {
  const path = [...prefix, ...keysOf(issue)]
  if (issue.type !== 'union') return [{ issue, path }]
  const inside = (issue.issues ?? []).flatMap((inner) => leafIssues(inner, path))
  const keyType = Array.isArray(issue.input) ? 'number' : 'string'
  const fitting = inside.filter((leaf) => typeof leaf.path[path.length] === keyType)
  return fitting.length > 0 ? fitting : [{ issue, path }]
}

function keysOf(issue: Issue): Path {
  return (issue.path ?? []).map((item) => item.key as string | number)
}

function toFault(schema: v.GenericSchema, text: YamlText, issue: Issue, path: Path): Fault {
  const shown = formatPath(path)
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return { ...text.position(path, 'key'), path: shown, ...unknownKey(schema, path) }
  if (isMissingKey(issue))
    return {
      ...text.position(path.slice(0, -1), 'value'),
      path: shown,
      found: 'no such key',
      allowed: 'the key with its value',
    }
  return {
    ...text.position(path, 'value'),
    path: shown,
    found: describeFound(issue.input),
    allowed: issue.message,
    ...wordHint(issue.input, wordsAt(schema, path)),
  }
}

function isMissingKey(issue: Issue): boolean {
  return issue.type === 'strict_object' && issue.path?.at(-1)?.origin === 'key'
}

function unknownKey(schema: v.GenericSchema, path: Path) {
  const key = String(path.at(-1))
  const keys = keysAt(schema, path.slice(0, -1))
  const fault = { found: 'an unknown key', allowed: keys.join(', ') }
  const place = placesOf(schema, key).find((one) => !one.startsWith('['))
  if (place !== undefined && distance(key, closest(key, keys)) > 1)
    return { ...fault, hint: `it stands elsewhere: ${place}` }
  if (key === 'store' || key === 'allow')
    return { ...fault, hint: `only holdfast.dev/policy on the Namespace may say "${key}"` }
  return { ...fault, ...wordHint(key, keys) }
}

function wordHint(found: unknown, words: readonly string[]): { hint?: string } {
  if (typeof found !== 'string' || found.length > 64 || words.length === 0) return {}
  const guess = closest(found, words)
  // Half of the word wrong is no slip of the finger.
  return distance(found, guess) <= Math.max(1, Math.floor(guess.length / 2))
    ? { hint: `did you mean "${guess}"?` }
    : {}
}

export function formatPath(path: Path): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${cut(key)}`))
    .join('')
    .replace(/^\./, '')
}

function cut(key: string): string {
  const quoted = describeFound(key)
  return /^[\w-]+$/.test(key) && key.length <= 60 ? key : quoted
}

/** A text that breaks two rules is one fault. */
function firstOfEachPlace(faults: readonly Fault[]): Fault[] {
  const seen = new Map<string, Fault>()
  for (const fault of faults) {
    const place = `${fault.line}:${fault.column}:${fault.path}`
    if (!seen.has(place)) seen.set(place, fault)
  }
  return [...seen.values()]
}

export function inOrder(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
}
