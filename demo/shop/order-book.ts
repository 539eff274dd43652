import { DatabaseSync } from 'node:sqlite'

export interface NewOrder {
  item: string
  quantity: number
  priceCents: number
}

export interface Order {
  id: number
  item: string
  quantity: number
  totalCents: number
}

const COLUMNS = 'id, item, quantity, total_cents AS totalCents'

/** The orders in one SQLite file. What `add` has returned survives a crash of the process and of the machine. */
export class OrderBook {
  readonly database: DatabaseSync

  constructor(file: string) {
    this.database = new DatabaseSync(file)
    // FULL: in WAL mode NORMAL may lose the last commits when the power goes.
    this.database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        item TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        total_cents INTEGER NOT NULL
      ) STRICT`)
  }

  add({ item, quantity, priceCents }: NewOrder): Order {
    const totalCents = quantity * priceCents
    const { lastInsertRowid } = this.database
      .prepare('INSERT INTO orders (item, quantity, total_cents) VALUES (?, ?, ?)')
      .run(item, quantity, totalCents)
    return { id: Number(lastInsertRowid), item, quantity, totalCents }
  }

  all(): Order[] {
    return this.database
      .prepare(`SELECT ${COLUMNS} FROM orders ORDER BY id`)
      .all() as unknown as Order[]
  }

  find(id: number): Order | undefined {
    const row: unknown = this.database.prepare(`SELECT ${COLUMNS} FROM orders WHERE id = ?`).get(id)
    return row as Order | undefined
  }

  close(): void {
    this.database.close()
  }
}
