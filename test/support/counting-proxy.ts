import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CountingProxy {
  readonly endpoint: string
  /** Method and path of each request that came, in order. */
  readonly requests: string[]
  readonly stop: () => Promise<void>
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
