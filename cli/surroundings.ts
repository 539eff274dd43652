/** What a command is given besides its options. */
import type { Environment } from '../shared/encryption/key-encryption-key.ts'
import type { Signals } from './signals.ts'
import type { Terminal } from './terminal.ts'

export interface Surroundings {
  readonly terminal: Terminal
  readonly signals: Signals
  /** The user's home directory, which nothing is ever restored into. */
  readonly home: string
  /** The variables that keys come from. */
  readonly environment: Environment
  /** Print the stacks of unexpected errors. */
  readonly debug: boolean
}

/** One JSON document (or, from `replicate`, a line for each version), or text for people. */
export type OutputFormat = 'table' | 'json'

/** Options that every command has. */
export interface CommonOptions {
  readonly store: string
  /** Give up when the store has not answered for this long. */
  readonly timeout: number
  readonly output: OutputFormat
}
