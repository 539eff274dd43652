import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Loopback } from './loopback-server.ts'
import { listenOnLoopback } from './loopback-server.ts'

export interface FaultyS3 extends Loopback {
  /** Method and path of each request that came, in order. */
  readonly requests: string[]
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
  return { ...(await listenOnLoopback(server)), requests }
}

/** An S3 error as a store writes it. */
export function sendError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><RequestId>1</RequestId></Error>`,
  )
}
