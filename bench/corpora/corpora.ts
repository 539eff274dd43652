/** The data that is backed up. It is made once below the work directory, and found there again by later runs. */
import { existsSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Sizes } from '../sizes.ts'
import { makeDatabase } from './database.ts'
import { makeIncompressible } from './incompressible.ts'
import { copyRealFiles } from './real-files.ts'
import { makeTinyFiles } from './tiny-files.ts'
import { warm } from './tree.ts'

const FILES_PER_FOLDER = 50

export class Corpora {
  readonly #folder: string
  readonly #sizes: Sizes
  readonly #say: (text: string) => void

  constructor(folder: string, sizes: Sizes, say: (text: string) => void) {
    this.#folder = folder
    this.#sizes = sizes
    this.#say = say
  }

  realFiles(): Promise<string> {
    const { realFiles, realBytes } = this.#sizes
    return this.#once(`real-${realFiles}-${realBytes}`, (at) => {
      copyRealFiles(at, realFiles, realBytes, this.#say)
    })
  }

  /** A small volume of real files. */
  fewFiles(): Promise<string> {
    const { fewFiles, realFiles, realBytes } = this.#sizes
    return this.#once(`real-${fewFiles}`, (at) => {
      copyRealFiles(at, fewFiles, (realBytes / realFiles) * fewFiles, this.#say)
    })
  }

  /** One SQLite database, `app.db`, in WAL mode. */
  database(): Promise<string> {
    const { databaseBytes } = this.#sizes
    return this.#once(`database-${databaseBytes}`, (at) => {
      makeDatabase(path.join(at, 'app.db'), databaseBytes)
    })
  }

  incompressible(): Promise<string> {
    const { incompressibleBytes } = this.#sizes
    return this.#once(`incompressible-${incompressibleBytes}`, (at) => {
      makeIncompressible(at, incompressibleBytes)
    })
  }

  tinyFiles(count: number, folders = Math.ceil(count / FILES_PER_FOLDER)): Promise<string> {
    return this.#once(`tiny-${count}-in-${folders}`, (at) => {
      makeTinyFiles(at, count, folders)
    })
  }

  /** A file beside the finished corpus says that it is whole. */
  async #once(name: string, make: (at: string) => void): Promise<string> {
    const at = path.join(this.#folder, name)
    if (!existsSync(`${at}.whole`)) {
      this.#say(`making the corpus ${at}`)
      await rm(at, { recursive: true, force: true })
      await mkdir(at, { recursive: true })
      make(at)
      writeFileSync(`${at}.whole`, '')
    }
    warm(at)
    return at
  }
}
