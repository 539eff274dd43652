/**
 * The YAML of an annotation: one document of maps, lists and scalars, small, without tags, anchors or aliases;
 * and where in the text each value stands.
 */
import {
  Lexer,
  LineCounter,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
  type Document,
  type YAMLError,
} from 'yaml'
import { describeFound, type Fault, type Parsed } from './fault.ts'

/** Characters. Kubernetes allows 256 KiB for all annotations together; a long declaration has 2,000. */
const MAX_LENGTH = 16_384
/** A declaration is four levels deep. */
const MAX_DEPTH = 16
const TOO_DEEP_ALLOWED = `${MAX_DEPTH} levels`
const ALLOWED_YAML = 'YAML: a path, a list of paths, or a map'

export type Path = readonly (string | number)[]

export interface YamlText {
  readonly value: unknown
  /** Line and column, from 1, of the value at `path` or of its key; of the nearest part above where there is none. */
  position(path: Path, of: 'key' | 'value'): { line: number; column: number }
}

/** Reads the text of an annotation; never throws. */
export function readYaml(text: unknown): Parsed<YamlText> {
  const early = textFault(text)
  if (early !== undefined) return { ok: false, faults: [early] }
  const lines = new LineCounter()
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  try {
    const documents = parseAllDocuments(text as string, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'silent',
    }) as Document[]
    const document = documents[0]
    if (document === undefined) return { ok: false, faults: [wholeFault('nothing', ALLOWED_YAML)] }
    const faults = documentFaults(documents, at)
    if (faults.length > 0) return { ok: false, faults }
    return { ok: true, value: locate(document, at) }
  } catch {
    // The reader recurses: what it cannot hold on the stack is no declaration.
    return { ok: false, faults: [wholeFault('YAML nested too deeply', TOO_DEEP_ALLOWED)] }
  }
}

function wholeFault(found: string, allowed: string): Fault {
  return { line: 1, column: 1, path: '', found, allowed }
}

function textFault(text: unknown): Fault | undefined {
  if (typeof text !== 'string') return wholeFault(describeFound(text), 'text')
  if (text.trim() === '') return wholeFault('empty text', ALLOWED_YAML)
  if (text.length > MAX_LENGTH)
    return wholeFault(`${text.length} characters`, `${MAX_LENGTH} characters at most`)
  return isTooDeep(text) ? wholeFault('YAML nested too deeply', TOO_DEEP_ALLOWED) : undefined
}

/** The reader recurses, so depth is counted before it: open brackets, and list or key marks on one line. */
function isTooDeep(text: string): boolean {
  let open = 0
  let marks = 0
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') open++
    else if (token === ']' || token === '}') open--
    else if (token === '-' || token === '?' || token === ':') marks++
    else if (token.includes('\n')) marks = 0
    if (open > MAX_DEPTH || (open === 0 && marks > MAX_DEPTH)) return true
  }
  return false
}

type At = (offset: number) => { line: number; column: number }

function documentFaults(documents: readonly Document[], at: At): Fault[] {
  if (documents.length > 1)
    return [
      {
        ...at(documents[1]?.range?.[0] ?? 0),
        path: '',
        found: `${documents.length} documents`,
        allowed: 'one',
      },
    ]
  const document = documents[0]!
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) return onePerLine(problems.map((problem) => syntaxFault(problem, at)))
  return featureFaults(document, at)
}

const SYNTAX: Partial<Record<YAMLError['code'], readonly [found: string, allowed: string]>> = {
  DUPLICATE_KEY: ['a key that stands there twice', 'each key once'],
  TAG_RESOLVE_FAILED: ['a tag (!…)', 'plain values, without tags'],
  TAB_AS_INDENT: ['a tab as indentation', 'spaces'],
}

function syntaxFault(problem: YAMLError, at: At): Fault {
  const known = SYNTAX[problem.code]
  const [found, allowed] = known ?? [`broken YAML (${firstLine(problem.message)})`, ALLOWED_YAML]
  return { ...at(problem.pos[0]), path: '', found, allowed }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] as string).slice(0, 120)
}

/** One slip in YAML makes several errors on its line; the first of them says it. */
function onePerLine(faults: Fault[]): Fault[] {
  return faults.filter((fault, index) => faults.findIndex((f) => f.line === fault.line) === index)
}

/** What YAML has and a declaration has not: tags, anchors, aliases, depth, keys that are no text. */
function featureFaults(document: Document, at: At): Fault[] {
  const faults: Fault[] = []
  const report = (node: { range?: readonly number[] | null }, found: string, allowed: string) => {
    faults.push({ ...at(node.range?.[0] ?? 0), path: '', found, allowed })
  }
  visit(document, {
    Pair: (_, pair) => {
      const { key } = pair
      if (isScalar(key) && typeof key.value === 'string' && key.value in {})
        report(key, `the key ${describeFound(key.value)}`, 'the keys of the declaration')
      else if (isNode(key) && !isScalar(key)) report(key, 'a key that is no text', 'text as keys')
    },
    Node: (_, node, parents) => {
      if (isAlias(node)) report(node, `the alias *${node.source}`, 'the value itself')
      else if (node.anchor !== undefined) report(node, `the anchor &${node.anchor}`, 'plain values')
      if (!isAlias(node) && node.tag !== undefined)
        report(node, `the tag ${node.tag}`, 'plain values, without tags')
      if (parents.length <= MAX_DEPTH * 2) return undefined
      report(node, 'YAML nested too deeply', TOO_DEEP_ALLOWED)
      return visit.BREAK
    },
  })
  return faults
}

function locate(document: Document, at: At): YamlText {
  return {
    value: document.toJS({ maxAliasCount: 0 }) as unknown,
    position: (path, of) => at(offsetOf(document, path, of)),
  }
}

function offsetOf(document: Document, path: Path, of: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = offsetOfNode(node) ?? 0
  for (const [index, key] of path.entries()) {
    const child = childOf(node, key)
    const wantsKey = of === 'key' && index === path.length - 1
    const places = [child.value, child.key].map(offsetOfNode)
    const found = wantsKey ? (places[1] ?? places[0]) : (places[0] ?? places[1])
    if (found === undefined) return offset
    offset = found
    node = child.value
  }
  return offset
}

function offsetOfNode(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function childOf(node: unknown, key: string | number): { key?: unknown; value?: unknown } {
  if (isSeq(node)) return { value: node.items[Number(key)] }
  if (!isMap(node)) return {}
  return node.items.find((item) => isScalar(item.key) && String(item.key.value) === key) ?? {}
}
