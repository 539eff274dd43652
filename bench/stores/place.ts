/** Where one repository lies for a while, as both sides reach it. */
import type { Environment } from '../measure/processes.ts'

export type StoreKind = 'local' | 'S3'

export interface Requests {
  readonly all: number
  readonly puts: number
}

export interface Place {
  readonly holdfastUrl: string
  readonly resticUrl: string
  /** How to reach it: for both sides the same. */
  readonly environment: Environment
  /** Bytes of all objects in it. */
  storedBytes(): Promise<number>
  /** Requests to the store since it was started, as the store itself counts them; undefined for a directory. */
  requests(): Promise<Requests | undefined>
}

export interface Places {
  /** An empty place of its own. */
  create(): Promise<Place>
  close(): Promise<void>
}
