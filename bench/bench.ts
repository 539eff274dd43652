/** What every case is given. */
import { mkdir } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import type { Corpora } from './corpora/corpora.ts'
import type { Processes } from './measure/processes.ts'
import type { HoldfastPrograms } from './programs/holdfast-programs.ts'
import type { Samples, Side } from './samples.ts'
import type { Sizes } from './sizes.ts'
import type { Place, StoreKind } from './stores/place.ts'

export interface Bench {
  readonly sizes: Sizes
  readonly corpora: Corpora
  readonly processes: Processes
  readonly samples: Samples
  readonly holdfast: HoldfastPrograms
  /** The program file of restic. */
  readonly restic: string
  readonly work: string
  /** Below the work directory; removed at the end. */
  readonly scratch: string
}

/** One case in one round over one kind of store. */
export interface Turn {
  readonly round: number
  readonly store: StoreKind
  /** Who goes first changes from round to round. */
  readonly sides: readonly Side[]
  /** An empty place for a repository. */
  readonly newPlace: () => Promise<Place>
}

export interface Case {
  readonly name: string
  readonly stores: readonly StoreKind[]
  /** It takes long and varies little: the first round is enough. */
  readonly once: boolean
  readonly run: (bench: Bench, turn: Turn) => Promise<void>
}

/** An empty directory of its own, gone at the end of the run. */
export async function newFolder(bench: Bench): Promise<string> {
  const folder = path.join(bench.scratch, randomUUID())
  await mkdir(folder, { recursive: true })
  return folder
}
