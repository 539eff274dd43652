/**
 * A connection to an HTTP server, asked one thing at a time. The bytes of an answer go from one buffer that all reads
 * share into the memory that the caller has for them: Node's own client makes three pieces of memory for each 64 KiB,
 * which takes several times as long as everything else about them.
 */
import net from 'node:net'
import tls from 'node:tls'
import type { ResponseHead } from './http-head.ts'
import { END_OF_HEAD, parseHead } from './http-head.ts'

export interface Server {
  readonly isTls: boolean
  readonly host: string
  readonly port: number
}

export interface HttpTimeouts {
  /** To connect, each attempt. */
  readonly connectMs: number
  /** Without a byte in either direction, each attempt. */
  readonly idleMs: number
}

export interface HttpAnswer {
  readonly head: ResponseHead
  /** Lies in the memory that was given for it. */
  readonly body: Buffer
}

/** What one read of the socket brings at most. */
const READ_BYTES = 256 * 1024
/** A longer head is nothing that a store writes. */
const MAX_HEAD_BYTES = 16 * 1024

export class HttpConnection {
  readonly #socket: net.Socket
  #answering: Answering | undefined
  /** Why there is nothing to be had from it any more. */
  #failure: Error | undefined

  constructor(server: Server, { connectMs, idleMs }: HttpTimeouts) {
    this.#socket = connect(server, (bytes) => this.#take(bytes))
    this.#socket.setTimeout(connectMs, () => this.#fail(failure('ETIMEDOUT')))
    this.#socket.once('connect', () => this.#socket.setTimeout(idleMs))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.once('close', () => this.#fail(failure('ECONNRESET')))
  }

  get isUsable(): boolean {
    return this.#failure === undefined
  }

  /**
   * Resolves to the answer; to undefined where it is none that is understood, or longer than `room`, and the connection
   * is closed then. Rejects with the system's error. Nothing is written to `room` any more after either.
   */
  async ask(request: string, room: Buffer): Promise<HttpAnswer | undefined> {
    if (this.#failure !== undefined) throw this.#failure
    const answering = new Answering(room)
    this.#answering = answering
    this.#socket.ref()
    this.#socket.write(request, 'latin1')
    return answering.end.promise
  }

  close(): void {
    this.#fail(failure('ECONNRESET'))
  }

  #take(bytes: Buffer): void {
    const answering = this.#answering
    const state = answering === undefined ? 'foreign' : answering.take(bytes)
    if (state === 'more') return
    this.#answering = undefined
    const isSound = state === 'done' && answering?.head?.staysOpen === true
    // A process that is done with its store ends, whatever connections are still open.
    if (isSound) this.#socket.unref()
    else this.close()
    answering?.end.resolve(state === 'foreign' ? undefined : answering.answer())
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#socket.destroy()
    this.#answering?.end.reject(this.#failure)
    this.#answering = undefined
  }
}

function connect({ isTls, host, port }: Server, onBytes: (bytes: Buffer) => void): net.Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const callback = (count: number) => {
    onBytes(buffer.subarray(0, count))
    return true
  }
  const options = { host, port, noDelay: true, keepAlive: true, onread: { buffer, callback } }
  if (!isTls) return net.connect(options)
  const servername = net.isIP(host) === 0 ? host : ''
  return tls.connect({ ...options, servername, ALPNProtocols: ['http/1.1'] })
}

/** As Node's own client says it. */
function failure(code: 'ECONNRESET' | 'ETIMEDOUT'): Error {
  return Object.assign(new Error(`the connection to the store has ended (${code})`), { code })
}

class Answering {
  readonly end = Promise.withResolvers<HttpAnswer | undefined>()
  readonly #room: Buffer
  head: ResponseHead | undefined
  #text = ''
  #lengthBytes = 0

  constructor(room: Buffer) {
    this.#room = room
  }

  /** `foreign`: this is no answer to the request, or none that is understood. */
  take(bytes: Buffer): 'more' | 'done' | 'foreign' {
    const body = this.head === undefined ? this.#takeHead(bytes) : bytes
    if (body === undefined || this.head === undefined)
      return body === undefined ? 'foreign' : 'more'
    const { bodyBytes } = this.head
    if (body.length > bodyBytes - this.#lengthBytes) return 'foreign'
    body.copy(this.#room, this.#lengthBytes)
    this.#lengthBytes += body.length
    return this.#lengthBytes === bodyBytes ? 'done' : 'more'
  }

  answer(): HttpAnswer | undefined {
    return this.head && { head: this.head, body: this.#room.subarray(0, this.#lengthBytes) }
  }

  /** What comes behind the head; undefined when it is not understood. */
  #takeHead(bytes: Buffer): Buffer | undefined {
    const before = this.#text.length
    this.#text += bytes.toString('latin1', 0, MAX_HEAD_BYTES)
    const end = this.#text.indexOf(END_OF_HEAD)
    if (end < 0)
      return this.#text.length < MAX_HEAD_BYTES ? bytes.subarray(bytes.length) : undefined
    const head = parseHead(this.#text.slice(0, end))
    if (head === undefined || head.bodyBytes > this.#room.length) return undefined
    this.head = head
    return bytes.subarray(end + END_OF_HEAD.length - before)
  }
}
