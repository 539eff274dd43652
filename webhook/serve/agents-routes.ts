/** The agents' API over HTTP: who asks, what was sent, and one sentence for every refusal. */
import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Logger } from 'pino'
import * as v from 'valibot'
import { HoldfastError } from '../../shared/errors.ts'
import {
  HOOKS_PATH,
  MAX_BODY_BYTES,
  MAX_WORDS,
  PODS_PATH,
  REPORT_PATH,
  ReportSchema,
} from '../../shared/service-contract.ts'
import { streamPartProblem } from '../../shared/stream-name.ts'
import type { AgentsApi } from '../controller/agents-api.ts'
import type { PodRef } from '../controller/pod-facts.ts'
import { RefusedRequestError, UnknownOutcomeError } from '../controller/refused-request.ts'

const BEARER = /^Bearer ([\x21-\x7e]+)$/i
const UID = /^[A-Za-z0-9-]{1,64}$/

/** Below `/v1`. Nothing of a body is read before it is known who sends it. */
export function agentsRoutes(api: AgentsApi, log: Logger): Router {
  const router = express.Router()
  const known = (request: Request) => callerOf(request, api)
  const body = express.json({ limit: MAX_BODY_BYTES, type: () => true })
  router.post(below(REPORT_PATH), identify(known), body, async (request, response) => {
    response.json(await api.report(callerIn(response), readReport(request.body)))
  })
  router.get(`${below(PODS_PATH)}/:name/:uid`, identify(known), async (request, response) => {
    const { name, uid } = request.params as { name: string; uid: string }
    if (streamPartProblem(name) !== undefined || !UID.test(uid))
      throw new RefusedRequestError(400, `ask as GET ${PODS_PATH}/<name>/<uid> of a pod`)
    response.json({ state: await api.podState(callerIn(response), name, uid) })
  })
  router.post(`${below(HOOKS_PATH)}/:which`, identify(known), async (request, response) => {
    const { which } = request.params
    if (which !== 'before' && which !== 'after')
      throw new RefusedRequestError(404, `there are ${HOOKS_PATH}/before and ${HOOKS_PATH}/after`)
    response.json(await api.runHook(callerIn(response), which))
  })
  router.use(() => {
    throw new RefusedRequestError(
      404,
      `there is POST ${REPORT_PATH}, GET ${PODS_PATH}/<name>/<uid> and POST ${HOOKS_PATH}/<before|after>`,
    )
  })
  router.use(refusals(log))
  return router
}

function below(path: string): string {
  return path.slice('/v1'.length)
}

function identify(known: (request: Request) => Promise<PodRef>) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    response.locals['caller'] = await known(request)
    next()
  }
}

function callerIn(response: Response): PodRef {
  return response.locals['caller'] as PodRef
}

async function callerOf(request: Request, api: AgentsApi): Promise<PodRef> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined)
    throw new RefusedRequestError(401, "send the pod's token, as Authorization: Bearer <token>")
  const caller = await api.review(token)
  if (caller !== undefined) return caller
  throw new RefusedRequestError(
    401,
    'the token is no valid one of a pod for the audience holdfast.dev; the pod may be gone',
  )
}

function readReport(body: unknown) {
  const result = v.safeParse(ReportSchema, body)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new RefusedRequestError(
    400,
    `the report's ${v.getDotPath(issue) ?? 'body'} is ${issue.received}, expected ${issue.expected ?? issue.message}`,
  )
}

/** A 4xx only for what was not done; where that is not known, or may yet come about, 5xx. */
function refusals(log: Logger) {
  return (error: unknown, _request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) return next(error)
    const { status, problem } = describe(error)
    if (status >= 500) log.warn({ err: error, caller: response.locals['caller'] }, problem)
    response.status(status).json({ problem: problem.slice(0, MAX_WORDS) })
  }
}

function describe(error: unknown): { status: number; problem: string } {
  if (error instanceof RefusedRequestError) return { status: error.status, problem: error.message }
  if (error instanceof UnknownOutcomeError) return { status: 504, problem: error.message }
  if (error instanceof HoldfastError) return { status: 503, problem: error.message }
  const { status, type } = error as { status?: unknown; type?: unknown }
  if (type === 'entity.too.large')
    return { status: 413, problem: `the body is over ${MAX_BODY_BYTES} bytes` }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return { status, problem: 'the body is no JSON object' }
  return { status: 500, problem: 'the service failed; the reason is in its log' }
}
