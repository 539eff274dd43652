/** A process with one connection, which runs the SQL that it is sent. */
import { DatabaseSync } from 'node:sqlite'

const connection = new DatabaseSync(process.argv[2] ?? '', { timeout: 200 })
process.on('message', (sql: string) => {
  try {
    const isQuery = /^\s*(select|pragma)[^;]*$/i.test(sql)
    process.send?.(isQuery ? connection.prepare(sql).all() : (connection.exec(sql) ?? 'done'))
  } catch (error) {
    process.send?.(String(error))
  }
})
process.on('disconnect', () => connection.close())
process.send?.('ready')
