/**
 * Runs a restore plan:
 *
 *   remove what is in the way → directories → files (fetch, verify, rename) → links → extras → metadata
 *     → extended attributes → sync
 *
 * A crash leaves a mixture; whoever calls keeps a dirty mark around it. Damaged objects cost the files that they
 * hold: these are listed, and everything else is restored.
 */
import { lstatSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Vault } from '../../shared/encryption/vault.ts'
import { CorruptObjectError, HoldfastError } from '../../shared/errors.ts'
import type { Entry, FileEntry } from '../../shared/repository/entry.ts'
import { bytesOf, isHole, parentName } from '../../shared/repository/entry.ts'
import type { EntryTable } from '../../shared/repository/entry-table.ts'
import type { Layout } from '../volume/layout.ts'
import { SQLITE_SIDE_FILES, displayPath, isDatabase, locationOf } from '../volume/layout.ts'
import { fsyncDirectory } from '../volume/mark.ts'
import { fsPath } from '../volume/raw-path.ts'
import type { AttributeTools } from '../volume/attribute-tools.ts'
import type { LostAttribute } from './attributes.ts'
import { restoreAttributes } from './attributes.ts'
import type { ChunkSource } from './chunk-source.ts'
import { canSyncFileSystems, syncFileSystems } from './durable.ts'
import { chunksToFetch, partedFiles } from './bytes-to-fetch.ts'
import { setMetadata } from './file-metadata.ts'
import { FilePipeline } from './file-pipeline.ts'
import { FileRefusedError } from './file-refused-error.ts'
import type { FetchRange } from './fetch-ranges.ts'
import { rangesOf } from './fetch-ranges.ts'
import { startFrameWriters } from './frame-writers.ts'
import type { PresentBytes } from './file-writer.ts'
import {
  makeDirectory,
  makeHardLink,
  makeSymlink,
  openDirectory,
  remove,
  writeFile,
} from './file-writer.ts'
import { PartFiles } from './part-files.ts'
import { piecesByFrame } from './pieces.ts'
import type { RestoreProgress } from './progress.ts'
import { Progress } from './progress.ts'
import type { RestorePlan } from './restore-plan.ts'

export interface RestoreResult {
  /** Names of files whose bytes are damaged or gone in the repository, and why. */
  readonly lost: readonly { readonly name: string; readonly why: string }[]
  /** Names of entries whose owner could not be given back. */
  readonly ownersLost: readonly string[]
  readonly attributesLost: readonly LostAttribute[]
}

/** @param tools without them, extended attributes stay as they are. */
export async function runRestore(
  layout: Layout,
  plan: RestorePlan,
  source: ChunkSource,
  onProgress: (progress: RestoreProgress) => void = () => undefined,
  tools?: AttributeTools,
): Promise<RestoreResult> {
  const fsync = !(await canSyncFileSystems())
  const run = new RestoreRun(layout, plan, source, fsync)
  try {
    for (const { name, beside = [] } of plan.databases)
      run.removeBeside(
        name,
        beside.map(({ suffix }) => suffix),
      )
    for (const { name, type } of plan.obstacles) run.remove(name, type)
    for (const row of plan.directories) run.makeDirectory(plan.target.nameAt(row))
    await run.writeFiles(onProgress)
    run.makeLinks()
    for (const name of plan.leftovers) run.remove(name, 'file')
    for (const { name, type } of plan.extras) run.remove(name, type)
    run.setMetadata()
    if (tools !== undefined) await run.restoreAttributes(tools)
    if (fsync) run.syncEach()
  } catch (error) {
    throw explain(error)
  }
  if (!fsync) await syncFileSystems(layout.roots.map(({ at }) => existingParent(at)))
  const { lost, ownersLost, attributesLost } = run
  return { lost, ownersLost: [...ownersLost], attributesLost }
}

/** The file system's refusals as a sentence; anything else as it is. */
function explain(error: unknown): Error {
  const { code, path, syscall } = error as NodeJS.ErrnoException
  if (error instanceof HoldfastError || syscall === undefined) return error as Error
  return new HoldfastError(
    `${path ?? 'a file'} cannot be changed (${syscall}: ${code}): the restore is half done there, and is gone on with once that is mended`,
    { cause: error },
  )
}

class RestoreRun {
  readonly lost: { name: string; why: string }[] = []
  readonly ownersLost = new Set<string>()
  attributesLost: readonly LostAttribute[] = []
  readonly #layout: Layout
  readonly #plan: RestorePlan
  readonly #source: ChunkSource
  readonly #fsync: boolean
  /** Directories that were seen to be real ones, not links to elsewhere. */
  readonly #trusted = new Set<string>()

  /** Directories that were not there before. */
  readonly #made = new Set<string>()

  constructor(layout: Layout, plan: RestorePlan, source: ChunkSource, fsync: boolean) {
    this.#layout = layout
    this.#plan = plan
    this.#source = source
    this.#fsync = fsync
  }

  makeDirectory(name: string): void {
    makeDirectory(this.#locate(name), !name.includes('/'))
    this.#made.add(name)
  }

  async writeFiles(onProgress: (progress: RestoreProgress) => void): Promise<void> {
    const { target, files, writeBytes, freedBytes } = this.#plan
    const progress = new Progress(files.length, writeBytes, onProgress)
    const { patched, fetched } = partedFiles(this.#plan)
    this.#source.announce(chunksToFetch({ ...this.#plan, files: patched }))
    for (const row of patched) {
      const entry = target.at(row) as FileEntry
      await this.#writeFile(entry)
      if (progress.add(entry.sizeBytes)) await nextTurn()
    }
    if (fetched.length === 0) return
    // Where files are replaced, room was asked for one more, the largest.
    const unfinishedBytes = freedBytes === 0 ? Infinity : largest(target, files)
    const ranges = rangesOf(piecesByFrame(target, fetched, unfinishedBytes))
    await this.#fetchFiles(ranges, fetched.length, progress)
  }

  async #fetchFiles(
    ranges: Iterable<FetchRange | 'pause'>,
    files: number,
    progress: Progress,
  ): Promise<void> {
    const { reader, vault } = this.#source
    const writers = startFrameWriters(vault, files, this.#plan.fetchBytes)
    const parts = new PartFiles({
      fsync: this.#fsync,
      onOwnerLost: ({ entry }) => this.ownersLost.add(entry.name),
      beforeNamed: ({ entry }) => this.#removeLogs(entry),
    })
    const pipeline = new FilePipeline(reader, writers, parts, {
      fsync: this.#fsync,
      locate: (name) => this.#locate(name),
      isAlone: (name) => this.#made.has(parentName(name) ?? ''),
      isDatabase: (entry) => isDatabase(this.#layout, entry),
      onOwnerLost: ({ name }) => this.ownersLost.add(name),
      onDone: ({ name, sizeBytes }, lost) => {
        if (lost !== undefined) this.lost.push({ name, why: lost })
        progress.add(sizeBytes)
      },
    })
    try {
      await pipeline.run(ranges)
    } catch (error) {
      if (!(error instanceof FileRefusedError)) throw error
      throw this.#explain(this.#plan.target.glanceAt(error.row), error.cause)
    } finally {
      await writers.close()
    }
  }

  /** Files of which something is there, and those of which nothing is stored. */
  async #writeFile(entry: FileEntry): Promise<void> {
    const location = this.#locate(entry.name)
    const present = this.#plan.present.get(entry.name)
    const bytes =
      present === undefined ? undefined : presentBytes(location, present, this.#source.vault)
    try {
      await writeFile(location, entry, bytes, (chunk) => this.#source.read(chunk), {
        fsync: this.#fsync,
        onOwnerLost: () => this.ownersLost.add(entry.name),
        beforeNamed: () => this.#removeLogs(entry),
      })
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw this.#explain(entry, error)
      this.lost.push({ name: entry.name, why: error.message })
    }
  }

  /** A stale log would be played into the restored database; without its log, the one that is there may be torn. */
  #removeLogs(entry: FileEntry): void {
    if (isDatabase(this.#layout, entry)) this.removeBeside(entry.name, SQLITE_SIDE_FILES)
  }

  makeLinks(): void {
    const lost = new Set(this.lost.map(({ name }) => name))
    const { target, hardLinks, symlinks } = this.#plan
    for (const row of hardLinks) {
      const { name, hardLinkOf = '' } = target.glanceAt(row) as FileEntry
      if (lost.has(hardLinkOf)) this.lost.push({ name, why: `it is a hard link to ${hardLinkOf}` })
      else makeHardLink(this.#locate(name), this.#locate(hardLinkOf))
    }
    for (const row of symlinks) {
      const entry = target.glanceAt(row)
      if (entry.type === 'symlink') makeSymlink(this.#locate(entry.name), entry.target)
    }
  }

  remove(name: string, type: 'file' | 'directory' | 'symlink'): void {
    remove(this.#locate(name), type)
    this.#trusted.delete(name)
  }

  /** What lies beside a database would be played into what takes its place. */
  removeBeside(name: string, suffixes: readonly string[]): void {
    for (const suffix of suffixes) remove(this.#locate(name) + suffix, 'file')
  }

  setMetadata(): void {
    const lost = new Set(this.lost.map(({ name }) => name))
    const { target, metadata } = this.#plan
    for (const row of metadata) {
      const entry = target.glanceAt(row)
      if (lost.has(entry.name)) continue
      setMetadata(this.#locate(entry.name), entry, () => this.ownersLost.add(entry.name))
    }
  }

  async restoreAttributes(tools: AttributeTools): Promise<void> {
    const lost = new Set(this.lost.map(({ name }) => name))
    this.attributesLost = await restoreAttributes(this.#layout, this.#plan, lost, tools)
  }

  /** Where an entry lies, reached through real directories only. */
  #locate(name: string): string {
    for (let end = name.indexOf('/'); end > 0; end = name.indexOf('/', end + 1)) {
      const parent = name.slice(0, end)
      if (this.#trusted.has(parent)) continue
      openDirectory(locationOf(this.#layout, parent))
      this.#trusted.add(parent)
    }
    return locationOf(this.#layout, name)
  }

  /** Where no file system can be synced as a whole: the directories, and what has only new metadata. */
  syncEach(): void {
    for (const name of this.#trusted) fsyncDirectory(fsPath(locationOf(this.#layout, name)))
    const { target, metadata } = this.#plan
    for (const row of metadata) {
      const { name, type } = target.glanceAt(row)
      if (type === 'directory') fsyncDirectory(fsPath(locationOf(this.#layout, name)))
    }
  }

  #explain(entry: Entry, error: unknown): Error {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (error instanceof HoldfastError || syscall === undefined) return error as Error
    const name = displayPath(this.#layout.roots, entry.name)
    return new HoldfastError(`${name} cannot be written (${code})`, { cause: error })
  }
}

function presentBytes(location: string, present: FileEntry, vault: Vault): PresentBytes {
  const offsets = new Map<string, number>()
  let offset = 0
  for (const chunk of present.chunks) {
    if (!isHole(chunk) && chunk.slice === undefined) offsets.set(chunk.id, offset)
    offset += bytesOf(chunk)
  }
  return { location, vault, offsets }
}

/** The declared path itself, or where it would be. */
function existingParent(at: string): string {
  return lstatSync(at, { throwIfNoEntry: false }) === undefined
    ? at.slice(0, at.lastIndexOf('/')) || '/'
    : at
}

function largest(target: EntryTable, rows: readonly number[]): number {
  return rows.reduce((most, row) => Math.max(most, target.sizeBytesAt(row)), 0)
}
