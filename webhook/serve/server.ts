/** The HTTPS server: reviews by POST, the agents' API below /v1, /healthz, /readyz, /metrics. It knows nothing of pods. */
import { createServer, type Server } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express, { type NextFunction, type Request, type Response } from 'express'
import type { Logger } from 'pino'
import { UsageError } from '../../shared/errors.ts'
import { BadReviewError, type Admission, type AdmissionAnswer } from '../admission/review.ts'
import { createCertificate } from '../certificates/make-certificate.ts'
import { expiryOf, type KeyPair } from '../certificates/key-pair.ts'
import type { AgentsApi } from '../controller/agents-api.ts'
import type { ControllerFacts } from '../controller/controller.ts'
import { agentsRoutes } from './agents-routes.ts'
import { registerController } from './controller-metrics.ts'
import { createMetrics, type Metrics } from './metrics.ts'

export interface ServerOptions {
  /** 0: any that is free. */
  readonly port: number
  /** Undefined: there is none yet, so that the server is alive and not ready. */
  readonly keyPair: KeyPair | undefined
  readonly log: Logger
  /** Who answers the reviews that are posted to a path. */
  readonly admissions: Readonly<Record<`/${string}`, Admission>>
  /** None: there is no cluster to ask on the agents' behalf. */
  readonly controller?: { readonly agents: AgentsApi; facts(): ControllerFacts }
}

export interface WebhookServer {
  readonly port: number
  /** New connections get the new certificate; those that stand go on. */
  replaceKeyPair(pair: KeyPair): void
  /** Is not ready any more, so that nobody new is sent here; answers as before. */
  drain(): void
  /** Takes no new connections, answers what has been asked, and ends. */
  close(): Promise<void>
}

/** Pods are stored in 1.5 MB at most; the review holds one, and may hold an old one, too. */
const BODY_LIMIT = '3mb'
/** Longer than the API server keeps an idle connection (90 s): else it writes into one that is being closed. */
const KEEP_ALIVE_MS = 120_000

/** Resolves when the server accepts connections. */
export async function startServer(options: ServerOptions): Promise<WebhookServer> {
  const state: State = { isDraining: false, expires: undefined }
  const metrics = createMetrics()
  const { controller } = options
  if (controller !== undefined) registerController(metrics.registry, () => controller.facts())
  const know = (pair: KeyPair) => {
    state.expires = expiryOf(pair)
    metrics.certificateExpiry(state.expires)
  }
  if (options.keyPair !== undefined) know(options.keyPair)
  // Nobody trusts it: the kubelet's probes, which trust everybody, are answered.
  const first = options.keyPair ?? (await createCertificate(['localhost']))
  const server = createServer(
    { ...tlsOptions(first), keepAliveTimeout: KEEP_ALIVE_MS },
    createApp(options, metrics, state),
  )
  await listen(server, options.port)
  return {
    port: (server.address() as AddressInfo).port,
    replaceKeyPair(pair) {
      server.setSecureContext(tlsOptions(pair))
      know(pair)
    },
    drain() {
      state.isDraining = true
    },
    close() {
      state.isDraining = true
      return closed(server)
    },
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError(`port ${port} cannot be listened on (${code}); choose another one`, {
      cause,
    })
  }
}

function tlsOptions(pair: KeyPair) {
  return { cert: pair.certificate, key: pair.key, minVersion: 'TLSv1.2' as const }
}

async function closed(server: Server): Promise<void> {
  const ended = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  await ended
}

interface State {
  isDraining: boolean
  /** When the certificate ends; undefined: there is none that anybody trusts. */
  expires: Date | undefined
}

/** Undefined: it is ready. */
function unreadiness({ isDraining, expires }: State): string | undefined {
  if (isDraining) return 'draining'
  if (expires === undefined) return 'there is no certificate yet'
  return expires < new Date() ? `the certificate ended at ${expires.toISOString()}` : undefined
}

function createApp(options: ServerOptions, metrics: Metrics, state: State) {
  const app = express()
  app.disable('x-powered-by')
  app.use((_request, response, next) => {
    if (state.isDraining) response.set('Connection', 'close')
    next()
  })
  app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'))
  app.get('/readyz', (_request, response) => {
    const reason = unreadiness(state)
    response.status(reason === undefined ? 200 : 503).type('text')
    response.send(`${reason ?? 'ok'}\n`)
  })
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
  for (const [path, admission] of Object.entries(options.admissions))
    app.post(
      path,
      express.json({ limit: BODY_LIMIT, type: () => true }),
      async (request, response) => {
        const begun = performance.now()
        const answer = await admission(request.body)
        const seconds = (performance.now() - begun) / 1000
        metrics.admission(path, answer.outcome, seconds)
        logAnswer(options.log, path, answer, seconds)
        response.json(answer.review)
      },
    )
  if (options.controller !== undefined)
    app.use('/v1', agentsRoutes(options.controller.agents, options.log))
  const paths = Object.keys(options.admissions).join(', ')
  app.use((_request, response) => {
    response
      .status(404)
      .type('text')
      .send(`there is POST ${paths}, GET /healthz, /readyz and /metrics\n`)
  })
  app.use(errorHandler(options.log, metrics))
  return app
}

function logAnswer(log: Logger, path: string, answer: AdmissionAnswer, seconds: number): void {
  const { outcome, namespace, refusal } = answer
  const facts = { path, outcome, namespace, seconds: Number(seconds.toFixed(4)) }
  if (refusal === undefined) log.debug(facts, 'admission')
  else if (outcome === 'failed') log.error({ ...facts, err: refusal }, 'admission failed')
  else log.info({ ...facts, code: refusal.code, message: refusal.message }, 'admission refused')
}

/** One sentence for the sender; never a stack. */
function errorHandler(log: Logger, metrics: Metrics) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error)
      return
    }
    const { status, sentence } = describe(error)
    metrics.admission(request.route === undefined ? '' : request.path, 'bad_request', 0)
    if (status >= 500) log.error({ err: error }, 'request failed')
    else log.warn({ status, sentence }, 'bad request')
    response.status(status).type('text').send(`${sentence}\n`)
  }
}

function describe(error: unknown): { status: number; sentence: string } {
  if (error instanceof BadReviewError) return { status: 400, sentence: error.message }
  const { status, type } = error as { status?: unknown; type?: unknown }
  if (type === 'entity.too.large')
    return { status: 413, sentence: `the body is over ${BODY_LIMIT}` }
  if (type === 'entity.parse.failed') return { status: 400, sentence: 'the body is no JSON object' }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return { status, sentence: 'the request cannot be read; send an AdmissionReview as JSON' }
  return { status: 500, sentence: 'the webhook failed; the reason is in its log' }
}
