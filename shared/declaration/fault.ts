import { UsageError } from '../errors.ts'

/** One thing wrong with a declaration or policy, and where: what was found, what is allowed. */
export interface Fault {
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  /** Where in the value, as `paths[1].as`; empty: the value itself. */
  readonly path: string
  readonly found: string
  readonly allowed: string
  readonly hint?: string
}

/** What a parser answers: a value, or every fault of the text. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/** Longest part of a user's text that a message repeats. */
const FOUND_LENGTH = 60

/** A found value as a message shows it: bounded, on one line, quoted when it is text. */
export function describeFound(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'symbol') return value.description ?? ''
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value !== 'string') return JSON.stringify(value) ?? typeof value
  // What stands before the @ of a URL may be a password, and messages end up in logs.
  const plain = value.replaceAll(/\/\/[^/]*@/g, '//…@')
  const cut = plain.length > FOUND_LENGTH ? `${plain.slice(0, FOUND_LENGTH)}…` : plain
  return JSON.stringify(cut)
}

/** All faults in one message: the text a person sees. `key` names the annotation they stand in. */
export function formatFaults(key: string, faults: readonly Fault[]): string {
  const sentences = faults.map(formatFault)
  if (sentences.length === 1) return `${key}: ${sentences[0]}`
  return [`${key} has ${sentences.length} faults:`, ...sentences].join('\n  ')
}

function formatFault(fault: Fault): string {
  const where = `line ${fault.line}, column ${fault.column}: `
  const what = fault.path === '' ? '' : `${fault.path}: `
  const hint = fault.hint === undefined ? '' : `; ${fault.hint}`
  return `${where}${what}found ${fault.found}; allowed: ${fault.allowed}${hint}`
}

/** A declaration or policy that does not read; the message holds every fault. */
export class DeclarationError extends UsageError {
  readonly faults: readonly Fault[]
  constructor(key: string, faults: readonly Fault[]) {
    super(formatFaults(key, faults))
    this.faults = faults
  }
}
