/**
 * The S3 of the test run as pods reach it: a door on an address of theirs, which tests shut and open again. Behind it the
 * store goes on, so that nothing but the way to it is lost.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

/** As AWS answers to whoever comes with a session token that was good for its time. */
const TOO_LATE = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>`

/** `shut`: connections end, and new ones are refused. `expired`: every request is told that its token has expired. */
export type GateState = 'open' | 'shut' | 'expired'

export interface S3Gate {
  /** As pods use it. */
  readonly endpoint: string
  /** Where `moveGate` asks; on loopback. */
  readonly control: string
  close(): void
}

/** @param address one of this machine that pods reach; @param store the endpoint on loopback. */
export async function openGate(address: string, store: string): Promise<S3Gate> {
  const { port: storePort, hostname } = new URL(store)
  const sockets = new Set<Socket>()
  const accept = (outside: Socket) => {
    const inside = connect(Number(storePort), hostname)
    for (const [socket, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => sockets.delete(socket))
      socket.pipe(other)
    }
  }
  const makers = {
    open: () => createServer(accept),
    expired: () =>
      createHttpServer(tellTooLate).on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      }),
    shut: () => undefined,
  }
  let gate: Server | undefined = createServer(accept).listen(0, address)
  await once(gate, 'listening')
  const { port } = gate.address() as AddressInfo
  const shut = () => {
    gate?.close()
    gate = undefined
    for (const socket of sockets) socket.destroy()
  }
  const control = createHttpServer((request, response) => {
    shut()
    gate = makers[request.url?.slice(1) as GateState]()?.listen(port, address)
    response.end()
  })
  control.listen(0, '127.0.0.1')
  await once(control, 'listening')
  return {
    endpoint: `http://${address}:${port}`,
    control: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
    close() {
      shut()
      control.close()
      control.closeAllConnections()
    },
  }
}

const tellTooLate: RequestListener = (request, response) => {
  request.resume().on('end', () => {
    response.writeHead(400, { 'content-type': 'application/xml' }).end(TOO_LATE)
  })
}

export async function moveGate(control: string, to: GateState): Promise<void> {
  await fetch(`${control}/${to}`, { method: 'POST' })
}
