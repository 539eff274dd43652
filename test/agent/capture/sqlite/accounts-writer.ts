/**
 * An app under load: money moves between two tables, the sum over both is always 0. It also grows, shrinks, vacuums,
 * rolls back what has spilled over its small cache, and empties its log in every way.
 */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../../../support/seeded-random.ts'

export interface Load {
  readonly database: string
  readonly journal: string
  readonly seed: number
  /** Waits between two rounds, so that others get at a rollback journal's lock. */
  readonly restMs: number
  /** Opens and closes its connection around every so many rounds. */
  readonly roundsPerConnection: number
}

const load = JSON.parse(process.argv[2] ?? '') as Load
const random = new SeededRandom(load.seed)
process.on('disconnect', () => process.exit())

function connect(): DatabaseSync {
  const connection = new DatabaseSync(load.database, { timeout: 60_000 })
  connection.exec(`pragma journal_mode=${load.journal}; pragma synchronous=off;
    pragma cache_size=10; pragma wal_autocheckpoint=${random.pick([5, 20, 200])};
    create table if not exists a (id integer primary key, amount integer, note blob);
    create table if not exists b (id integer primary key, amount integer, note blob);
    create index if not exists a_amount on a (amount);`)
  return connection
}

function move(connection: DatabaseSync): void {
  const amount = random.below(1000)
  const note = random.pick([10, 300, 9000])
  const [from, to] = random.pick([
    ['a', 'b'],
    ['b', 'a'],
  ])
  connection.exec(`insert into ${from} (amount, note) values (${amount}, randomblob(${note}));
    insert into ${to} (amount, note) values (${-amount}, randomblob(20))`)
}

function shrink(connection: DatabaseSync): void {
  const kept = random.below(300)
  for (const table of ['a', 'b'])
    connection.exec(`delete from ${table} where id < (select max(id) - ${kept} from ${table})`)
  connection.exec(`insert into a (amount)
    select -coalesce((select sum(amount) from a), 0) - coalesce((select sum(amount) from b), 0)`)
}

function transact(connection: DatabaseSync, end: 'commit' | 'rollback', times: number): void {
  connection.exec('begin immediate')
  for (let i = 0; i < times; i += 1) move(connection)
  connection.exec(end)
}

function round(connection: DatabaseSync): void {
  const dice = random.below(100)
  if (dice < 70) return transact(connection, 'commit', 1 + random.below(5))
  if (dice < 75) return transact(connection, 'rollback', 60)
  if (dice < 80) return transact(connection, 'commit', 60)
  if (dice < 90) return connection.exec(`update b set note = randomblob(500) where id % 37 = 5`)
  if (dice < 94) {
    connection.exec('begin immediate')
    shrink(connection)
    return connection.exec('commit')
  }
  if (dice < 96) return connection.exec('vacuum')
  if (load.journal === 'wal')
    connection.exec(
      `pragma busy_timeout=50; pragma wal_checkpoint(${random.pick(['passive', 'full', 'restart', 'truncate'])}); pragma busy_timeout=60000`,
    )
}

for (let rounds = 0; process.connected;) {
  const connection = connect()
  for (let i = 0; i < load.roundsPerConnection && process.connected; i += 1) {
    try {
      round(connection)
    } catch (error) {
      // Readers that never let a vacuum in are no fault of the test.
      if (!String(error).includes('locked')) throw error
      if (connection.isTransaction) connection.exec('rollback')
    }
    rounds += 1
    if (process.connected) process.send?.(rounds)
    await sleep(load.restMs)
  }
  connection.close()
}
