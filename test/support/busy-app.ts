/**
 * An app that writes without rest: `busy-app.ts DIRECTORY SEED`. It overwrites, replaces by rename, appends, renames,
 * deletes, makes and removes directories; SIGTERM ends it between two writes. Whatever moment a picture of its
 * directory was taken at, `wrongContent` says whether each file in it is one that this app really had.
 */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from './seeded-random.ts'

const NAMES = 12
const PAUSE_MS = 4

/** The content of a file as operation `n` wrote it: it says its number, and how long it is follows from that. */
function contentOf(n: number): string {
  return `operation ${n}\n${`${n}.`.repeat(1 + ((n * 7919) % 3000))}`
}

/** Line after line; each moment of a log is a beginning of this. */
function linesTo(n: number): string {
  return Array.from({ length: n }, (_, i) => `line ${i + 1}\n`).join('')
}

/** Undefined, or why this app never had a file with this name and content. */
export function wrongContent(name: string, content: string): string | undefined {
  if (path.basename(name).startsWith('log')) {
    const lines = content.split('\n').length - 1
    return content === linesTo(lines) ? undefined : `${name} is no beginning of its log`
  }
  // A file that is overwritten in place is empty for a moment.
  if (content === '' && name.includes('overwritten')) return undefined
  const n = Number(/^operation (\d+)\n/.exec(content)?.[1])
  return content === contentOf(n) ? undefined : `${name} holds no whole operation`
}

class BusyApp {
  readonly #root: string
  readonly #random: SeededRandom
  #n: number

  constructor(root: string, seed: number) {
    this.#root = root
    this.#random = new SeededRandom(seed)
    this.#n = seed % 1000
  }

  step(): void {
    this.#n += 1
    const id = this.#random.below(NAMES)
    const operations = [
      () => this.#write(`overwritten-${id}`),
      () => this.#replace(`replaced-${id}`),
      () => this.#append(`log-${id % 3}`),
      () => this.#rename(`moved-${id}`, `moved-${this.#random.below(NAMES)}`),
      () => this.#write(`some/where/below/deep-${id}`, this.#at(`deep-${id}.new`)),
      () => fs.rmSync(this.#at(`replaced-${id}`), { force: true }),
      () => fs.rmSync(this.#at('some/where'), { recursive: true, force: true }),
      () => this.#link(`moved-${id}`, `link-${id}`),
    ] as const
    this.#random.pick(operations)()
  }

  #at(name: string): string {
    return path.join(this.#root, name)
  }

  /** In place; with `temporary`, written there and renamed. */
  #write(name: string, temporary?: string): void {
    fs.mkdirSync(path.dirname(this.#at(name)), { recursive: true })
    const file = temporary ?? this.#at(name)
    const fd = fs.openSync(file, 'w')
    fs.writeSync(fd, contentOf(this.#n))
    fs.closeSync(fd)
    if (temporary !== undefined) fs.renameSync(temporary, this.#at(name))
  }

  #replace(name: string): void {
    this.#write(name, this.#at(`overwritten-for-${name}`))
  }

  #append(name: string): void {
    const file = this.#at(name)
    const there = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0
    if (there > 400) fs.rmSync(file)
    else fs.appendFileSync(file, `line ${there + 1}\n`)
  }

  #rename(from: string, to: string): void {
    if (fs.existsSync(this.#at(from))) fs.renameSync(this.#at(from), this.#at(to))
    else this.#replace(from)
  }

  #link(target: string, name: string): void {
    fs.rmSync(this.#at(name), { force: true })
    fs.symlinkSync(target, this.#at(name))
  }
}

async function main(root: string, seed: number): Promise<void> {
  const told = new AbortController()
  process.once('SIGTERM', () => {
    told.abort()
  })
  const app = new BusyApp(root, seed)
  for (let n = 0; !told.signal.aborted; n += 1) {
    app.step()
    if (n === 20) console.log('busy')
    await sleep(PAUSE_MS)
  }
}

if (import.meta.main) await main(process.argv[2] ?? '', Number(process.argv[3]))
