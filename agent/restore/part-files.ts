/** Files that are written piece by piece, by several threads: each beside its place until all of it is there. */
import { closeSync, fsyncSync, ftruncateSync, renameSync, unlinkSync } from 'node:fs'
import { fsPath } from '../volume/raw-path.ts'
import { FileRefusedError } from './file-refused-error.ts'
import { setOpenFileMetadata } from './file-metadata.ts'
import type { FileWork } from './pieces.ts'
import { createTemporary, openTemporary, temporaryBeside } from './temporary-file.ts'

interface PartFile {
  readonly temporary: string
  readonly location: string
  missing: number
  /** Why it cannot be whole. */
  lost: string | undefined
}

export interface PartOptions {
  readonly fsync: boolean
  readonly onOwnerLost: (file: FileWork) => void
  /** Called when all bytes are there, just before the file takes its place. */
  readonly beforeNamed: (file: FileWork) => void
}

export class PartFiles {
  readonly #begun = new Map<FileWork, PartFile>()
  readonly #options: PartOptions

  constructor(options: PartOptions) {
    this.#options = options
  }

  /** Where the file's bytes go until it is whole. Throws `FileRefusedError`. */
  temporaryOf(file: FileWork, location: string): string {
    const begun = this.#begun.get(file)
    if (begun !== undefined) return begun.temporary
    const temporary = temporaryBeside(location)
    refusing(file, () => createTemporary(temporary))
    this.#begun.set(file, { temporary, location, missing: file.pieces.length, lost: undefined })
    return temporary
  }

  /** Gives the file its place once no piece is missing. Returns whether it is done, and why it is lost if it is. Throws `FileRefusedError`. */
  pieceDone(file: FileWork, lost: string | undefined): { lost: string | undefined } | undefined {
    const part = this.#begun.get(file)
    if (part === undefined) return undefined
    part.missing -= 1
    part.lost ??= lost
    if (part.missing > 0) return undefined
    if (part.lost === undefined) refusing(file, () => this.#finish(file, part))
    else unlinkSync(fsPath(part.temporary))
    this.#begun.delete(file)
    return part
  }

  /** Nothing is left of what is not whole. */
  abandon(): void {
    for (const { temporary } of this.#begun.values()) unlinkSync(fsPath(temporary))
    this.#begun.clear()
  }

  #finish(file: FileWork, { temporary, location }: PartFile): void {
    const { entry } = file
    const fd = openTemporary(temporary)
    try {
      ftruncateSync(fd, entry.sizeBytes)
      setOpenFileMetadata(fd, entry, () => {
        this.#options.onOwnerLost(file)
      })
      if (this.#options.fsync) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    this.#options.beforeNamed(file)
    renameSync(fsPath(temporary), fsPath(location))
  }
}

function refusing({ row }: FileWork, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw new FileRefusedError(row, error)
  }
}
