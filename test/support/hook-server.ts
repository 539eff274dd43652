/** An app's own endpoints for `backup.before` and `backup.after`: what was asked, and the answers that a test wants. */
import { createServer, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { listenOnLoopback } from './loopback-server.ts'

type Answer = number | 'silence' | ((response: ServerResponse) => void)

export interface HookServer {
  /** Method and path of each call, in order. */
  readonly asked: string[]
  /** How the next calls are answered: with a status, never, or as the test does it. */
  readonly answers: { freeze: Answer; thaw: Answer }
  readonly hook: (name: 'freeze' | 'thaw', onError: 'fail' | 'continue', timeoutMs?: number) => Hook
}

interface Hook {
  readonly http: string
  readonly timeoutMs: number
  readonly onError: 'fail' | 'continue'
}

export async function startHookServer(): Promise<HookServer> {
  const asked: string[] = []
  const answers: HookServer['answers'] = { freeze: 200, thaw: 200 }
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const answer = request.url === '/freeze' ? answers.freeze : answers.thaw
    if (typeof answer === 'function') answer(response)
    else if (answer !== 'silence') response.writeHead(answer).end()
  })
  const { endpoint, stop } = await listenOnLoopback(server)
  onTestFinished(stop)
  const hook: HookServer['hook'] = (name, onError, timeoutMs = 2000) => ({
    http: `${endpoint}/${name}`,
    timeoutMs,
    onError,
  })
  return { asked, answers, hook }
}
