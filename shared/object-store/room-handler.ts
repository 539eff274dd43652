/**
 * Sends the AWS SDK's requests; those whose callers have memory for the answer on connections of their own, which bring
 * it there without detours: a restore reads gigabytes. Where anything about an answer is unusual, the request is sent
 * again as all others are, since it only reads.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { HttpConnection, type HttpTimeouts, type Server } from './http-connection.ts'

type Handler = S3Client['config']['requestHandler']
type Sent = Awaited<ReturnType<Handler['handle']>>

/** What the SDK asks a handler to send. */
interface Request {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
  readonly username?: string
}

/** What `S3Client.send` hands on. */
export interface RoomOptions {
  /** Memory for the body of what is read. Nothing is written to it any more once the request has ended, in whatever way. */
  readonly room?: Buffer | undefined
  /** The SDK's own, and never used with ours. */
  readonly abortSignal?: never
}

/** Makes a client bring bodies into the memory that its callers have for them. */
export function readIntoRooms({ config }: S3Client, timeouts: HttpTimeouts): void {
  const ordinary = config.requestHandler
  const idle = new IdleConnections()
  config.requestHandler = {
    async handle(request: Request, options?: object) {
      const { room }: RoomOptions = options ?? {}
      const answer = room && (await ask(request, room, idle, timeouts))
      return answer ?? ordinary.handle(request, options)
    },
    destroy() {
      idle.close()
      ordinary.destroy?.()
    },
  }
}

/** Undefined where it has to be sent in the ordinary way. */
async function ask(
  request: Request,
  room: Buffer,
  idle: IdleConnections,
  timeouts: HttpTimeouts,
): Promise<Sent | undefined> {
  const text = requestText(request)
  if (text === undefined) return undefined
  const server = serverOf(request)
  const connection = idle.take(server) ?? new HttpConnection(server, timeouts)
  const answer = await connection.ask(text, room)
  if (connection.isUsable) idle.put(server, connection)
  if (answer === undefined) return undefined
  const { statusCode, headers } = answer.head
  // One piece, which whoever reads it need not copy.
  return { response: { statusCode, headers, body: Readable.from([answer.body]) } }
}

/** Undefined for what is not a plain question, or cannot be written as it is. */
function requestText({ method, path, query, headers, username }: Request): string | undefined {
  if (method !== 'GET' || username !== undefined) return undefined
  const asked: string[] = []
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') return undefined
    asked.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  }
  const first = `GET ${asked.length === 0 ? path : `${path}?${asked.join('&')}`} HTTP/1.1`
  const lines = [first, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  return lines.every((line) => PRINTABLE.test(line)) ? `${lines.join('\r\n')}\r\n\r\n` : undefined
}

const PRINTABLE = /^[\t\x20-\x7e]+$/

function serverOf({ protocol, hostname, port }: Request): Server {
  const isTls = protocol === 'https:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return { isTls, host, port: port ?? (isTls ? 443 : 80) }
}

/** Connections that are open and have nothing to do, the last one used first. */
class IdleConnections {
  readonly #connections = new Map<string, HttpConnection[]>()

  take(server: Server): HttpConnection | undefined {
    const idle = this.#of(server)
    for (let last = idle.pop(); last !== undefined; last = idle.pop())
      if (last.isUsable) return last
    return undefined
  }

  put(server: Server, connection: HttpConnection): void {
    this.#of(server).push(connection)
  }

  close(): void {
    for (const connection of [...this.#connections.values()].flat()) connection.close()
    this.#connections.clear()
  }

  #of({ isTls, host, port }: Server): HttpConnection[] {
    const key = `${isTls} ${host} ${port}`
    const known = this.#connections.get(key) ?? []
    this.#connections.set(key, known)
    return known
  }
}
