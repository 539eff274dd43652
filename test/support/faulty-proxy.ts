/**
 * A net between an agent and a real S3 store, in which everything happens that happens to requests and answers. What
 * the store did is what it did: a fault only decides what of it the agent hears.
 */
import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { createServer, request as forward } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendError } from './faulty-s3.ts'
import type { Loopback } from './loopback-server.ts'
import { listenOnLoopback } from './loopback-server.ts'

export const NET_FAULTS = [
  'no answer',
  'reset before the body',
  'reset behind the body',
  'done, no answer',
  'done, reset',
  'done, says 500',
  'says 500',
  'says 503',
  'slow body',
  'body cut off',
  'body cut off, length agrees',
  'says 404',
  'says 409',
  'says 412',
  'old listing',
] as const
export type NetFault = (typeof NET_FAULTS)[number]

export interface FaultyProxy extends Loopback {
  /** How often each fault has hit, by method. */
  readonly hits: ReadonlyMap<string, number>
}

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

const SLOW_PIECES = 5
const SLOW_PAUSE_MS = 40

/** @param faultOf decides for each request, before anything of it is read; undefined: none. */
export async function startFaultyProxy(
  target: string,
  faultOf: (method: string) => NetFault | undefined,
): Promise<FaultyProxy> {
  const hits = new Map<string, number>()
  /** Answers to each listing that was asked for, oldest first. */
  const listings = new Map<string, Answer[]>()
  const server = createServer((incoming, response) => {
    const fault = faultOf(methodOf(incoming))
    const what = `${methodOf(incoming)} ${fault}`
    if (fault !== undefined) hits.set(what, (hits.get(what) ?? 0) + 1)
    // A client that gave up takes its answer with it.
    serve(target, incoming, response, fault, listings).catch(() => response.destroy())
  })
  return { ...(await listenOnLoopback(server)), hits }
}

/** `PUT`, `GET`, or `LIST`. */
function methodOf({ method = '', url = '' }: IncomingMessage): string {
  return method === 'GET' && url.includes('list-type=2') ? 'LIST' : method
}

async function serve(
  target: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  fault: NetFault | undefined,
  listings: Map<string, Answer[]>,
): Promise<void> {
  if (fault === 'reset before the body') return void incoming.socket.resetAndDestroy()
  const parts: Buffer[] = []
  for await (const part of incoming) parts.push(part as Buffer)
  if (fault !== undefined && refuse(incoming, response, fault)) return
  const answer = await ask(target, incoming, Buffer.concat(parts))
  if (methodOf(incoming) === 'LIST') {
    const known = listings.get(incoming.url ?? '') ?? []
    listings.set(incoming.url ?? '', [...known.slice(-2), answer])
    if (fault === 'old listing') return send(response, known[0] ?? answer)
  }
  await spoil(incoming, response, fault, answer)
}

/** Faults that the store never hears of. False: it is to be asked. */
function refuse(incoming: IncomingMessage, response: ServerResponse, fault: NetFault): boolean {
  const isPut = incoming.method === 'PUT'
  if (fault === 'no answer') return true
  if (fault === 'reset behind the body') incoming.socket.resetAndDestroy()
  else if (fault === 'says 500') sendError(response, 500, 'InternalError')
  else if (fault === 'says 503') sendError(response, 503, 'SlowDown')
  else if (fault === 'says 404') sendError(response, 404, isPut ? 'NoSuchBucket' : 'NoSuchKey')
  else if (fault === 'says 409') sendError(response, 409, 'ConditionalRequestConflict')
  else if (fault === 'says 412') sendError(response, 412, 'PreconditionFailed')
  else return false
  return true
}

/** Faults of an answer: what was asked for is done. */
async function spoil(
  incoming: IncomingMessage,
  response: ServerResponse,
  fault: NetFault | undefined,
  answer: Answer,
): Promise<void> {
  const half = answer.body.subarray(0, answer.body.length >> 1)
  if (fault === 'done, no answer') return
  if (fault === 'done, reset') return void incoming.socket.resetAndDestroy()
  if (fault === 'done, says 500') return sendError(response, 500, 'InternalError')
  if (fault === 'slow body') return sendSlowly(response, answer)
  if (fault === 'body cut off, length agrees') {
    const headers = { ...answer.headers, 'content-length': half.length }
    return send(response, { ...answer, headers, body: half })
  }
  if (fault !== 'body cut off' || half.length === 0) return send(response, answer)
  response.writeHead(answer.status, answer.headers)
  response.write(half, () => incoming.socket.destroy())
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers)
  response.end(body)
}

async function sendSlowly(response: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers, body } = answer
  response.writeHead(status, headers)
  const piece = Math.ceil(body.length / SLOW_PIECES)
  for (let at = 0; at < body.length; at += piece) {
    response.write(body.subarray(at, at + piece))
    await sleep(SLOW_PAUSE_MS)
  }
  response.end()
}

async function ask(target: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  const { hostname, port } = new URL(target)
  const { method, headers, url: path } = incoming
  const outgoing = forward({ hostname, port, path, method, headers })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  const whole = Buffer.concat(parts)
  const { 'transfer-encoding': _chunked, connection: _hop, ...kept } = answer.headers
  // A HEAD, and an answer without a body, say a length that is not that of what follows.
  const length = method === 'HEAD' ? {} : { 'content-length': String(whole.length) }
  return { status: answer.statusCode ?? 502, headers: { ...kept, ...length }, body: whole }
}
