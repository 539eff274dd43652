/**
 * The S3 of the test run as pods reach it: a door on an address of theirs, which tests shut and open again. Behind it the
 * store goes on, so that nothing but the way to it is lost.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

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
  let gate: Server | undefined = createServer(accept).listen(0, address)
  await once(gate, 'listening')
  const { port } = gate.address() as AddressInfo
  const shut = () => {
    gate?.close()
    gate = undefined
    for (const socket of sockets) socket.destroy()
  }
  const control = createHttpServer((request, response) => {
    if (request.url === '/shut') shut()
    else gate ??= createServer(accept).listen(port, address)
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

/** Shut: connections end, and new ones are refused. */
export async function moveGate(control: string, to: 'shut' | 'open'): Promise<void> {
  await fetch(`${control}/${to}`, { method: 'POST' })
}
