/**
 * The service as the agents know it, over real TLS, from a map of pods: for tests of the agent's side. It holds agents to
 * the contract: a request that does not read, or without the pod's token, is refused and remembered.
 */
import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import * as v from 'valibot'
import { onTestFinished } from 'vitest'
import type { HookAnswer, PodState, Report, ReportAnswer } from '../../shared/service-contract.ts'
import { HOOKS_PATH, PODS_PATH, REPORT_PATH, ReportSchema } from '../../shared/service-contract.ts'
import type { AgentService } from '../../shared/sidecar-contract.ts'
import { createCertificate } from '../../webhook/certificates/make-certificate.ts'
import { listenOnLoopback } from './loopback-server.ts'

export interface StandInService {
  /** What the assignment tells an agent. */
  readonly told: AgentService
  /** By uid; a pod that is not there is gone. */
  readonly pods: Map<string, PodState>
  /** As they came, with the token that they came with. */
  readonly reports: (Report & { readonly token: string })[]
  /** Method and path of everything that was asked. */
  readonly asked: string[]
  readonly faults: string[]
  images: ReportAnswer['images']
  /** How hooks end; a number: the status of a refusal. */
  hooks: { before: HookAnswer | number; after: HookAnswer | number }
  /** Milliseconds before each answer. */
  delayMs: number
  /** Answers everything with 503. */
  broken: boolean
  readonly stop: () => Promise<void>
}

export async function startStandInService(): Promise<StandInService> {
  const certificate = await createCertificate(['127.0.0.1'])
  const { key } = certificate
  const state = {
    pods: new Map<string, PodState>(),
    reports: [] as (Report & { token: string })[],
    asked: [] as string[],
    faults: [] as string[],
    images: [] as ReportAnswer['images'],
    hooks: {
      before: { exitCode: 0, output: '' },
      after: { exitCode: 0, output: '' },
    } as StandInService['hooks'],
    delayMs: 0,
    broken: false,
  }
  const server = createServer({ cert: certificate.certificate, key }, (request, response) => {
    state.asked.push(`${request.method} ${request.url}`)
    void answerAfter(state, request, response)
  })
  const { endpoint, stop } = await listenOnLoopback(server)
  onTestFinished(stop)
  const told = { url: endpoint.replace('http:', 'https:'), ca: certificate.authority }
  return Object.assign(state, { told, stop })
}

type State = Omit<StandInService, 'told' | 'stop'>

async function answerAfter(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [status, body] = await answerTo(state, request)
  await new Promise((resolve) => setTimeout(resolve, state.delayMs))
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function answerTo(state: State, request: IncomingMessage): Promise<[number, object]> {
  const { method, url = '', headers } = request
  if (state.broken) return [503, { problem: 'the API server does not answer' }]
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  if (token === undefined) return fault(state, 401, `${url} came without a token`)
  switch (`${method} ${url.split('/').slice(0, 3).join('/')}`) {
    case `POST ${REPORT_PATH}`:
      return hear(state, token, await json(request))
    case `GET ${PODS_PATH}`:
      return [200, { state: state.pods.get(url.split('/')[4] ?? '') ?? 'gone' }]
    case `POST ${HOOKS_PATH}`:
      return runHook(state, url.split('/')[3])
    default:
      return fault(state, 404, `${method} ${url} is nothing of the contract`)
  }
}

function hear(state: State, token: string, body: unknown): [number, object] {
  const report = v.safeParse(ReportSchema, body)
  if (!report.success)
    return fault(state, 400, `a report that does not read: ${report.issues[0].message}`)
  state.reports.push({ ...report.output, token })
  return [200, { images: state.images }]
}

function runHook(state: State, hook: string | undefined): [number, object] {
  if (hook !== 'before' && hook !== 'after') return fault(state, 404, `there is no hook ${hook}`)
  const answer = state.hooks[hook]
  return typeof answer === 'number' ? [answer, { problem: 'no leave' }] : [200, answer]
}

function fault(state: State, status: number, problem: string): [number, object] {
  state.faults.push(problem)
  return [status, { problem }]
}
