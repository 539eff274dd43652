/** How far a restore is. */

export interface RestoreProgress {
  readonly filesDone: number
  readonly files: number
  readonly bytesDone: number
  readonly bytes: number
}

/** So many files are told of at once. */
const STEP_FILES = 50

export class Progress {
  #filesDone = 0
  #bytesDone = 0
  readonly #files: number
  readonly #bytes: number
  readonly #onProgress: (progress: RestoreProgress) => void

  constructor(files: number, bytes: number, onProgress: (progress: RestoreProgress) => void) {
    this.#files = files
    this.#bytes = bytes
    this.#onProgress = onProgress
  }

  /** One more file is done. True when that was told, and others shall have a turn of the event loop. */
  add(sizeBytes: number): boolean {
    this.#filesDone += 1
    this.#bytesDone += sizeBytes
    if (this.#filesDone % STEP_FILES !== 1 && this.#filesDone < this.#files) return false
    this.tell()
    return true
  }

  /** Throws where whoever is told wants it to end. */
  tell(): void {
    this.#onProgress({
      filesDone: this.#filesDone,
      files: this.#files,
      bytesDone: this.#bytesDone,
      bytes: this.#bytes,
    })
  }
}
