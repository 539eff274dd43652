import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface FaultyS3 {
  readonly endpoint: string
  /** Method and path of each request that came, in order. */
  readonly requests: string[]
  readonly stop: () => Promise<void>
}

/** A server on loopback that answers S3 requests as a test wants: it is about the answers that no sound store gives. */
export async function startFaultyS3(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<FaultyS3> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    request.resume()
    request.once('end', () => answer(request, response, requests.length))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return { endpoint: `http://127.0.0.1:${port}`, requests, stop }
}

/** An S3 error as a store writes it. */
export function sendError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><RequestId>1</RequestId></Error>`,
  )
}
