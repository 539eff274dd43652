/**
 * An app that does to its directory whatever apps do, one step at a time, as a seed says: writes, appends, truncations,
 * replacements by rename, rewrites that keep size and time, links of both kinds, directories made, moved and removed.
 */
import fs from 'node:fs'
import path from 'node:path'
import type { SeededRandom } from './seeded-random.ts'

const DIRS = ['', 'orders', 'orders/2026', 'blobs', 'deep/er/down'] as const
const NAMES = 8
/** More than an agent carries inside a version object, so that packs are written, too. */
const BIG_BYTES = 1_500_000

export class RandomWorkload {
  readonly #root: string
  readonly #random: SeededRandom
  #n = 0

  constructor(root: string, random: SeededRandom) {
    this.#root = root
    this.#random = random
  }

  /** One thing that an app does; in words. */
  step(): string {
    this.#n += 1
    const steps: readonly [() => string, ...(() => string)[]] = [
      () => this.#write(),
      () => this.#write(),
      () => this.#append(),
      () => this.#truncate(),
      () => this.#replace(),
      () => this.#rename(),
      () => this.#rewriteInDisguise(),
      () => this.#remove(),
      () => this.#link(),
      () => this.#symlink(),
      () => this.#chmod(),
      () => this.#moveDirectory(),
      () => this.#removeDirectory(),
    ]
    return this.#random.pick(steps)()
  }

  /** Writes a file that is too big to travel inside a version object. */
  writeBig(): string {
    const at = this.#newPlace()
    fs.writeFileSync(at, this.#content(true))
    return `write ${this.#below(at)}, big`
  }

  #write(): string {
    const at = this.#newPlace()
    const content = this.#content()
    fs.writeFileSync(at, content)
    return `write ${this.#below(at)}, ${content.length} bytes`
  }

  #append(): string {
    const at = this.#file() ?? this.#newPlace()
    fs.appendFileSync(at, `line ${this.#n}\n`)
    return `append to ${this.#below(at)}`
  }

  #truncate(): string {
    const at = this.#file()
    if (at === undefined) return this.#write()
    fs.truncateSync(at, this.#random.below(fs.statSync(at).size + 1))
    return `truncate ${this.#below(at)}`
  }

  #replace(): string {
    const at = this.#newPlace()
    const temporary = path.join(this.#root, 'being-written')
    fs.writeFileSync(temporary, this.#content())
    fs.renameSync(temporary, at)
    return `replace ${this.#below(at)}`
  }

  #rename(): string {
    const from = this.#file()
    if (from === undefined) return this.#write()
    const to = this.#newPlace()
    fs.renameSync(from, to)
    return `rename ${this.#below(from)} to ${this.#below(to)}`
  }

  /** Other bytes, the same size, and the time set back to what it was. */
  #rewriteInDisguise(): string {
    const at = this.#file()
    if (at === undefined) return this.#write()
    const { size, atime, mtime } = fs.statSync(at)
    fs.writeFileSync(at, Buffer.alloc(size, `${this.#n} `), { flag: 'r+' })
    fs.utimesSync(at, atime, mtime)
    return `rewrite ${this.#below(at)}, same size and time`
  }

  #remove(): string {
    const at = this.#file()
    // A volume that has become empty is not committed, and this app never means that.
    if (at === undefined || this.#files().length < 3) return this.#write()
    fs.rmSync(at)
    return `remove ${this.#below(at)}`
  }

  #link(): string {
    const from = this.#file()
    if (from === undefined) return this.#write()
    const to = this.#newPlace()
    fs.rmSync(to, { force: true })
    if (fs.existsSync(from)) fs.linkSync(from, to)
    else fs.writeFileSync(to, `of itself ${this.#n}`)
    return `link ${this.#below(from)} as ${this.#below(to)}`
  }

  #symlink(): string {
    const at = this.#newPlace()
    fs.rmSync(at, { force: true })
    fs.symlinkSync(`../somewhere/${this.#n}`, at)
    return `symlink ${this.#below(at)}`
  }

  #chmod(): string {
    const at = this.#file()
    if (at === undefined) return this.#write()
    fs.chmodSync(at, this.#random.pick([0o600, 0o644, 0o640, 0o755]))
    return `chmod ${this.#below(at)}`
  }

  #moveDirectory(): string {
    const from = path.join(this.#root, 'orders')
    const to = path.join(this.#root, `moved-${this.#random.below(3)}`)
    if (!fs.existsSync(from)) return this.#write()
    fs.rmSync(to, { recursive: true, force: true })
    fs.renameSync(from, to)
    return `move orders to ${this.#below(to)}`
  }

  #removeDirectory(): string {
    const dir = this.#random.pick(['moved-0', 'moved-1', 'moved-2', 'deep/er'])
    fs.rmSync(path.join(this.#root, dir), { recursive: true, force: true })
    return `remove ${dir}; ${this.#write()}`
  }

  #content(big = this.#random.below(25) === 0): Buffer {
    const bytes = Buffer.alloc(big ? BIG_BYTES : this.#random.below(4000), `content ${this.#n} `)
    // What compresses to nothing would always travel inside the version object.
    if (big)
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(this.#random.below(2 ** 32), i)
    return bytes
  }

  /** Where something may be written: no directory is there. */
  #newPlace(): string {
    const at = path.join(this.#root, this.#random.pick(DIRS), `f${this.#random.below(NAMES)}`)
    fs.mkdirSync(path.dirname(at), { recursive: true })
    // An app that writes through a link of its own would write elsewhere.
    if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() === true) fs.rmSync(at)
    return at
  }

  #file(): string | undefined {
    const files = this.#files()
    return files[this.#random.below(files.length)]
  }

  #files(): string[] {
    const found = fs.readdirSync(this.#root, { recursive: true, withFileTypes: true })
    const files = found.filter((file) => file.isFile() && !file.name.startsWith('.holdfast'))
    return files.map(({ parentPath, name }) => path.join(parentPath, name)).toSorted()
  }

  #below(at: string): string {
    return path.relative(this.#root, at)
  }
}
