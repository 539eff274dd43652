/** Health for people and Prometheus metrics, over HTTP. Nothing in the pod depends on it: a port that is taken is tried again. */
import type { Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Clock } from '../../shared/clock.ts'
import type { Status } from '../session/status.ts'
import { lagOf } from '../session/status.ts'
import { renderMetrics } from './metrics.ts'

const RETRY_MS = 5_000

export function serveHealth(port: number, status: Status, clock: Clock): Server {
  const server = createServer((req, res) => {
    void answer(req.url ?? '/', res, status, clock)
  })
  server.on('error', () => setTimeout(() => server.listen(port), RETRY_MS).unref())
  server.listen(port)
  server.unref()
  return server
}

async function answer(
  url: string,
  res: ServerResponse,
  status: Status,
  clock: Clock,
): Promise<void> {
  if (url === '/metrics') {
    const { text, contentType } = await renderMetrics(status.facts, clock.monotonicMs())
    res.writeHead(200, { 'content-type': contentType }).end(text)
  } else if (url === '/healthz') {
    const { facts } = status
    const lagSeconds = lagOf(facts.unshippedSinceMs, clock.monotonicMs())
    res.writeHead(facts.problem === '' && facts.frozen === '' ? 200 : 503, {
      'content-type': 'application/json',
    })
    res.end(`${JSON.stringify({ ...facts, unshippedSinceMs: undefined, lagSeconds })}\n`)
  } else res.writeHead(404).end()
}
