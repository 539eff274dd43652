/** A server on loopback that writes whatever a test wants, byte by byte: for what no HTTP library would write. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export interface RawServer {
  readonly port: number
  /** The heads of all requests that came, in order, each with the number of its connection. */
  readonly requests: { readonly connection: number; readonly head: string }[]
  readonly stop: () => Promise<void>
}

export async function startRawServer(
  answer: (socket: Socket, count: number, head: string) => void | Promise<void>,
  identity?: { readonly key: string; readonly cert: string },
): Promise<RawServer> {
  const requests: RawServer['requests'] = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket) => {
    sockets.add(socket)
    const connection = sockets.size
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        requests.push({ connection, head: text.slice(0, end) })
        text = text.slice(end + 4)
        void answer(socket, requests.length, requests.at(-1)?.head ?? '')
      }
    })
  }
  const server: Server = identity ? createTlsServer(identity, serve) : createServer(serve)
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { port, requests, stop }
}
