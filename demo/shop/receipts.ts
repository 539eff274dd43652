import fs from 'node:fs'
import path from 'node:path'
import type { Order } from './order-book.ts'

/** One text file for each order. A receipt is whole or absent, and durable when `write` returns. */
export class Receipts {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    fs.mkdirSync(directory, { recursive: true })
  }

  write(order: Order): void {
    const file = this.#file(order.id)
    const temporary = `${file}.tmp`
    fs.writeFileSync(temporary, format(order), { flush: true })
    fs.renameSync(temporary, file)
    const directory = fs.openSync(this.#directory, 'r')
    fs.fsyncSync(directory)
    fs.closeSync(directory)
  }

  has(id: number): boolean {
    return fs.existsSync(this.#file(id))
  }

  /** What the receipt says that was paid; undefined without a receipt. */
  totalCents(id: number): number | undefined {
    if (!this.has(id)) return undefined
    const total = /^total (\d+) cents$/m.exec(fs.readFileSync(this.#file(id), 'utf8'))
    return total ? Number(total[1]) : undefined
  }

  count(): number {
    return fs.readdirSync(this.#directory).filter((name) => name.endsWith('.txt')).length
  }

  #file(id: number): string {
    return path.join(this.#directory, `${id}.txt`)
  }
}

function format({ id, item, quantity, totalCents }: Order): string {
  return `order ${id}\n${quantity} x ${item}\ntotal ${totalCents} cents\n`
}
