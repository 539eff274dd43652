import { createServer, request as forward } from 'node:http'
import type { Loopback } from './loopback-server.ts'
import { listenOnLoopback } from './loopback-server.ts'

export interface CountingProxy extends Loopback {
  /** Method and path of each request that came, in order. */
  readonly requests: string[]
}

/**
 * Hands every request on to a real store, byte by byte, and remembers that it came. Signatures stay good: they cover the
 * host asked for. Whatever `mayPass` says yes to later waits until then.
 */
export async function startCountingProxy(
  target: string,
  mayPass: (request: string) => Promise<void> = async () => undefined,
): Promise<CountingProxy> {
  const requests: string[] = []
  const server = createServer((incoming, response) => {
    const line = `${incoming.method} ${incoming.url}`
    requests.push(line)
    const { method, headers, url: path } = incoming
    const { hostname, port } = new URL(target)
    const outgoing = forward({ hostname, port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    outgoing.once('error', () => response.destroy())
    void mayPass(line).then(() => incoming.pipe(outgoing))
  })
  return { ...(await listenOnLoopback(server)), requests }
}
