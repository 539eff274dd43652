/** An app in a process of its own, and what a test asks of a snapshot of its database. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { DatabaseSnapshot } from '../../../../agent/capture/sqlite/database-image.ts'
import type { Load } from './accounts-writer.ts'

export class App {
  readonly process: ChildProcess

  private constructor(script: string, argument: string) {
    this.process = fork(script, [argument], { execArgv: ['--no-warnings'] })
  }

  static async writing(load: Load): Promise<App> {
    const app = new App(
      path.resolve(import.meta.dirname, 'accounts-writer.ts'),
      JSON.stringify(load),
    )
    await app.progress()
    return app
  }

  /** A connection that runs what it is told. */
  static async at(database: string): Promise<App> {
    const app = new App(path.resolve(import.meta.dirname, 'told-connection.ts'), database)
    await app.progress()
    return app
  }

  /** Resolves when it has done something more. */
  async progress(): Promise<unknown> {
    const ended = new AbortController()
    const exit = once(this.process, 'exit', { signal: ended.signal }).then(
      ([code]) => {
        throw new Error(`the app ended: ${code}`)
      },
      () => undefined,
    )
    try {
      const [message] = (await Promise.race([once(this.process, 'message'), exit])) as [unknown]
      return message
    } finally {
      ended.abort()
    }
  }

  /** Runs SQL; what a single SELECT or PRAGMA gives, or the error's message. */
  async run(sql: string): Promise<unknown> {
    const answer = this.progress()
    this.process.send(sql)
    return answer
  }

  /** Closes its connection and ends. */
  async close(): Promise<void> {
    this.process.disconnect()
    await once(this.process, 'exit')
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.process.kill('SIGKILL')
    await once(this.process, 'exit')
  }
}

export function readAll(snapshot: DatabaseSnapshot, windowBytes = 1024 * 1024): Buffer {
  const bytes = Buffer.alloc(snapshot.sizeBytes)
  for (let at = 0; at < bytes.length; at += windowBytes)
    snapshot.read(bytes.subarray(at, Math.min(at + windowBytes, bytes.length)), at)
  return bytes
}

/** What `pragma integrity_check` says of a database file, and the first column of one row. */
export function examine(file: string, query: string): { check: unknown; value: unknown } {
  const connection = new DatabaseSync(file)
  try {
    const check = connection.prepare('pragma integrity_check').get()?.['integrity_check']
    return { check, value: Object.values(connection.prepare(query).get() ?? {})[0] }
  } finally {
    connection.close()
  }
}
