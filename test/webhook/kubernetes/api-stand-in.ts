/** An HTTPS server in the API server's place, for what a real one seldom does: it answers as each test says. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'
import { HttpsApi } from '../../../webhook/kubernetes/https-api.ts'

export interface Seen {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly type: string | undefined
  readonly authorization: string | undefined
  readonly body: unknown
}

export type Answer = (response: ServerResponse, seen: Seen) => void

export class ApiStandIn {
  readonly seen: Seen[] = []
  /** Of what has been asked so far. */
  connections = 0
  answer: Answer = (response) => json(response, 200, {})
  readonly #server: Server
  readonly #authority: string

  private constructor(server: Server, authority: string) {
    this.#server = server
    this.#authority = authority
    server.on('secureConnection', () => (this.connections += 1))
    server.on('request', (request, response) => void this.#take(request, response))
  }

  static async start(): Promise<ApiStandIn> {
    const { certificate, key, authority } = await createCertificate(['127.0.0.1'])
    const server = createServer({ cert: certificate, key })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ApiStandIn(server, authority)
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** @param token is asked for before each request. */
  api(token = () => 'secret', times?: { answerMs?: number; silenceMs?: number }): HttpsApi {
    const credentials = async () => ({
      headers: { Authorization: `Bearer ${token()}` },
      ca: this.#authority,
    })
    return new HttpsApi({ server: this.url, credentials }, times)
  }

  breakConnections(): void {
    this.#server.closeAllConnections()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      type: request.headers['content-type'],
      authorization: request.headers.authorization,
      body: body === '' ? undefined : (JSON.parse(body) as unknown),
    }
    this.seen.push(seen)
    this.answer(response, seen)
  }
}

export function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
