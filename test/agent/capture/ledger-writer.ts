/** An app under load: each transaction books an amount and its counterpart; the sum over the table is always 0. */
import { DatabaseSync } from 'node:sqlite'

const database = new DatabaseSync(process.argv[2] ?? '')
database.exec(
  'pragma journal_mode=wal; create table entries (id integer primary key, amount integer, note text)',
)
const insert = database.prepare('insert into entries (amount, note) values (?, ?)')

setInterval(() => {
  for (let i = 0; i < 20; i += 1) {
    database.exec('begin')
    const amount = Math.floor(Math.random() * 1000)
    insert.run(amount, 'x'.repeat(200))
    insert.run(-amount, 'y'.repeat(300))
    database.exec('commit')
  }
  process.send?.('written')
}, 5)
