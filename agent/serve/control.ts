/**
 * How the kubelet's exec probes and hooks reach the agent in their container: HTTP over a Unix socket, no port to
 * clash with a neighbour's. `/dev/shm` is writable in every container, read-only root file systems included.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import { rmSync } from 'node:fs'
import type { Status, StatusFacts } from '../session/status.ts'

export function controlSocket(podUid: string): string {
  return `/dev/shm/holdfast-${podUid.slice(0, 60)}.sock`
}

/** Beside it, by the same rules: the note that the app may be frozen. */
export function frozenNote(podUid: string): string {
  return `/dev/shm/holdfast-${podUid.slice(0, 60)}.frozen`
}

/** And the note that the app was let go: the slot's name follows. */
export function letGoNotePrefix(podUid: string): string {
  return `/dev/shm/holdfast-${podUid.slice(0, 60)}.let-go-`
}

/** `wait` answers at the latest after this, before the probe's own 60 s, so that its words are seen. */
const WAIT_MS = 50_000
/** A start that needs people says so sooner. */
const HOLD_WAIT_MS = 2_000

export interface ControlActions {
  readonly status: Status
  readonly drain: () => void
}

export async function serveControl(path: string, actions: ControlActions): Promise<Server> {
  rmSync(path, { force: true })
  const wait = new WaitAnswers(actions.status)
  const server = createServer((req, res) => {
    void answer(req, res, actions, wait)
  })
  const mask = process.umask(0o177)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  process.umask(mask)
  server.unref()
  return server
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  { drain }: ControlActions,
  wait: WaitAnswers,
): Promise<void> {
  if (req.method === 'POST' && req.url === '/drain') {
    drain()
    return void res.writeHead(204).end()
  }
  if (req.method !== 'GET' || req.url !== '/wait') return void res.writeHead(404).end()
  await wait.give(res)
}

/**
 * The same words come again only when their time is over: a start that is held is asked about for as long as that lasts,
 * each time by a process of its own, in each pod that waits for the same store.
 */
class WaitAnswers {
  readonly #status: Status
  #said = ''

  constructor(status: Status) {
    this.#status = status
  }

  async give(res: ServerResponse): Promise<void> {
    await this.#news()
    const { facts } = this.#status
    const said = words(facts)
    res.writeHead(facts.ready ? 200 : 503, { 'content-type': 'text/plain' })
    res.end(`${said}\n`, () => (this.#said = said))
  }

  async #news(): Promise<void> {
    const status = this.#status
    await status.until((facts) => this.#isNews(facts), AbortSignal.timeout(WAIT_MS))
    if (status.facts.phase !== 'ended')
      await status.until(({ ready }) => ready, AbortSignal.timeout(HOLD_WAIT_MS))
  }

  #isNews(facts: StatusFacts): boolean {
    const { ready, phase, problem } = facts
    if (ready || phase === 'ended') return true
    return (phase === 'holding' || problem !== '') && words(facts) !== this.#said
  }
}

/** What a start is at, or what keeps it from getting on. */
function words({ ready, phase, reason, problem }: StatusFacts): string {
  return ready || phase === 'holding' || problem === '' ? reason : `${reason}: ${problem}`
}

/** Asks the agent of this container. Rejects when there is none. */
export function askControl(
  path: string,
  method: 'GET' | 'POST',
  url: '/wait' | '/drain',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: path, method, path: url }, (res) => {
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (part: string) => (text += part))
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, text: text.trim() })
      })
    })
    req.once('error', reject)
    req.end()
  })
}
